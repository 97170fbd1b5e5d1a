// SPDX-License-Identifier: MIT
#include "store/sqlite/rkey.hpp"

#include "tap/atproto/identifiers.hpp"

#include <limits>

namespace tap::store::sqlite {
namespace {

constexpr std::size_t kSize = 13;
constexpr std::string_view kAlphabet = "234567abcdefghijklmnopqrstuvwxyz";
constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::optional<std::int64_t> rkey_number(std::string_view rkey) {
  if (rkey.size() != kSize) return std::nullopt;
  const auto tid = atproto::Tid::parse(rkey);
  if (!tid || tid->value() > kMax) return std::nullopt;
  return static_cast<std::int64_t>(tid->value());
}

std::optional<std::int64_t> first_number_after(std::string_view text) {
  std::uint64_t value = 0;
  std::size_t at = 0;
  bool passed = false;  // the digits so far are greater than the text, whatever follows
  for (; at < kSize && at < text.size() && !passed; ++at) {
    // The first digit that is not less than the text's character: equal, or else greater.
    std::size_t digit = 0;
    while (digit < kAlphabet.size() &&
           static_cast<unsigned char>(kAlphabet[digit]) < static_cast<unsigned char>(text[at])) {
      ++digit;
    }
    if (at == 0 && digit > 7) return std::nullopt;  // greater than any number of 63 bits
    if (digit == kAlphabet.size()) {                // no digit is great enough: the one before must grow
      value += 1;
      passed = true;
      break;
    }
    passed = kAlphabet[digit] != text[at];
    value = value << 5 | digit;
  }
  const bool is_prefix = passed || at < kSize;  // a text that ends early is less than what it begins
  for (; at < kSize; ++at) value <<= 5;
  if (!is_prefix) value += 1;
  if (value > kMax) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace tap::store::sqlite
