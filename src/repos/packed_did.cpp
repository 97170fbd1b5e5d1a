// SPDX-License-Identifier: MIT
#include "repos/packed_did.hpp"

namespace tap::repos {
namespace {

constexpr std::string_view kPrefix = "did:plc:";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kSize = 24;

constexpr int value_of(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}

}  // namespace

std::optional<PackedPlc> pack_plc(std::string_view did) {
  if (did.size() != kPrefix.size() + kSize || !did.starts_with(kPrefix)) return std::nullopt;
  PackedPlc packed{};
  // Eight characters make five bytes.
  for (std::size_t group = 0; group < 3; ++group) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const int value = value_of(did[kPrefix.size() + group * 8 + i]);
      if (value < 0) return std::nullopt;
      bits = (bits << 5) | static_cast<std::uint64_t>(value);
    }
    for (std::size_t i = 0; i < 5; ++i) packed[group * 5 + i] = static_cast<std::uint8_t>(bits >> (32 - 8 * i));
  }
  return packed;
}

std::string unpack_plc(const PackedPlc& packed) {
  std::string did(kPrefix);
  for (std::size_t group = 0; group < 3; ++group) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 5; ++i) bits = (bits << 8) | packed[group * 5 + i];
    for (std::size_t i = 0; i < 8; ++i) did += kAlphabet[(bits >> (35 - 5 * i)) & 31];
  }
  return did;
}

}  // namespace tap::repos
