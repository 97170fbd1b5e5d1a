// SPDX-License-Identifier: MIT
#include "repos/packed_did.hpp"

namespace tap::repos {
namespace {

constexpr std::string_view kPrefix = "did:plc:";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kSize = 24;

constexpr std::uint8_t kNoValue = 0xff;

constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoValue);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

}  // namespace

std::optional<PackedPlc> pack_plc(std::string_view did) {
  if (did.size() != kPrefix.size() + kSize || !did.starts_with(kPrefix)) return std::nullopt;
  PackedPlc packed{};
  // Eight characters make five bytes.
  for (std::size_t group = 0; group < 3; ++group) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uint8_t value = kValues[static_cast<unsigned char>(did[kPrefix.size() + group * 8 + i])];
      if (value == kNoValue) return std::nullopt;
      bits = (bits << 5) | value;
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
