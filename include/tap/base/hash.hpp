// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace tap {

/// FNV-1a with a final mix. The same in every process and version: lanes on disk are made of it. Not for untrusted keys
/// of a table that strangers can fill.
[[nodiscard]] constexpr std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  hash ^= hash >> 32;
  hash *= 0x9e37'79b9'7f4a'7c15;
  return hash ^ (hash >> 29);
}

}  // namespace tap
