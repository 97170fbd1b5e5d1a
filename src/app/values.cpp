// SPDX-License-Identifier: MIT
#include "app/values.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace tap::app {
namespace {

constexpr std::int64_t kMax = 0x7fff'ffff'ffff'ffff;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Cuts the prefix that names the base.
int take_base(std::string_view& digits) {
  if (digits.size() < 2 || digits.front() != '0') return 10;
  const char mark = static_cast<char>(digits[1] | 0x20);
  const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  digits.remove_prefix(base == 0 ? 1 : 2);
  return base == 0 ? 8 : base;
}

/// Underscores stand between digits, or behind the prefix.
std::optional<std::string> without_underscores(std::string_view digits, bool prefixed) {
  std::string out;
  char last = prefixed ? '0' : '_';
  for (const char c : digits) {
    if (c == '_' && last == '_') return std::nullopt;
    if (c != '_') out += c;
    last = c;
  }
  if (out.empty() || last == '_') return std::nullopt;
  return out;
}

constexpr std::array<std::pair<std::string_view, std::int64_t>, 8> kUnits = {{{"ns", 1},
                                                                              {"us", 1'000},
                                                                              {"\u00b5s", 1'000},
                                                                              {"\u03bcs", 1'000},
                                                                              {"ms", 1'000'000},
                                                                              {"s", 1'000'000'000},
                                                                              {"m", 60'000'000'000},
                                                                              {"h", 3'600'000'000'000}}};

std::optional<std::int64_t> take_unit(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && !is_digit(text[length]) && text[length] != '.') ++length;
  for (const auto& [name, nanoseconds] : kUnits) {
    if (text.substr(0, length) != name) continue;
    text.remove_prefix(length);
    return nanoseconds;
  }
  return std::nullopt;
}

std::string_view take_digits(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

/// One "3.5s"; advances.
std::optional<std::int64_t> take_quantity(std::string_view& text) {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const auto unit = take_unit(text);
  if (!unit) return std::nullopt;
  std::int64_t value = 0;
  if (!whole.empty() && std::from_chars(whole.data(), whole.data() + whole.size(), value).ec != std::errc{}) {
    return std::nullopt;
  }
  if (value > kMax / *unit) return std::nullopt;
  value *= *unit;
  std::int64_t scale = *unit;
  for (const char digit : fraction) {
    scale /= 10;
    value += (digit - '0') * scale;
    if (value < 0) return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_int(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool prefixed = text.size() > 1 && text.front() == '0';
  const int base = take_base(text);
  const auto digits = without_underscores(text, prefixed);
  if (!digits) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits->data(), digits->data() + digits->size(), value, base);
  if (error != std::errc{} || end != digits->data() + digits->size()) return std::nullopt;
  const std::uint64_t limit = static_cast<std::uint64_t>(kMax) + (negative ? 1 : 0);
  if (value > limit) return std::nullopt;
  return negative ? static_cast<std::int64_t>(-value) : static_cast<std::int64_t>(value);
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto quantity = take_quantity(text);
    if (!quantity || *quantity > kMax - total) return std::nullopt;
    total += *quantity;
  }
  return std::chrono::nanoseconds(negative ? -total : total);
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> elements;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    elements.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) elements.emplace_back();
  }
  return elements;
}

std::string print_duration(std::chrono::nanoseconds duration) {
  const std::int64_t value = duration.count();
  if (value % 1'000 != 0) return fmt::format("{}ns", value);
  if (value % 1'000'000 != 0) return fmt::format("{}us", value / 1'000);
  if (value % 1'000'000'000 != 0) return fmt::format("{}ms", value / 1'000'000);
  const std::int64_t seconds = value / 1'000'000'000;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace tap::app
