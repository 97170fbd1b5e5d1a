// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The spellings of values that the original takes (protocol 11.8); empty when it is none.
namespace tap::app {

/// Decimal, 0x, 0o, 0b, a leading zero for octal, underscores between digits; trailing spaces are cut.
[[nodiscard]] std::optional<std::int64_t> parse_int(std::string_view text);
/// 1h2m3.5s, 300ms, -1s; a bare number only when it is 0.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
/// 1 t T TRUE true True 0 f F FALSE false False.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text);
/// Split at commas, nothing trimmed; an empty text has no elements.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);
/// As parse_duration reads it, in the fewest units: 300s is 5m0s, as Go prints it.
[[nodiscard]] std::string print_duration(std::chrono::nanoseconds duration);

}  // namespace tap::app
