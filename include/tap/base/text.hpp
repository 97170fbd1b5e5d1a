// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace tap {

// Small things that are done to text everywhere. ASCII only, whatever the locale says.

/// Without the white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);
/// A to Z in lower case, the rest as it is.
[[nodiscard]] std::string lower(std::string_view text);
/// %41 is A; a percent sign that begins no escape stays.
[[nodiscard]] std::string percent_decode(std::string_view text);

/// Standard base64 with padding.
[[nodiscard]] std::string base64(ByteView bytes);
/// The same without padding, behind what is there.
void append_unpadded_base64(std::string& out, ByteView bytes);

/// The whole text as a decimal number, with a minus at most; none when it is anything else, or does not fit.
template <std::integral T>
[[nodiscard]] std::optional<T> parse_decimal(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

}  // namespace tap
