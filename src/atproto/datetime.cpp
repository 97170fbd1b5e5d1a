// SPDX-License-Identifier: MIT
#include "tap/atproto/identifiers.hpp"

#include <optional>

namespace tap::atproto {
namespace {

/// Reads fixed-width pieces off the front; any mismatch makes every later read fail, too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::optional<int> number(std::size_t digits) {
    if (rest_.size() < digits) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  bool literal(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view digits() {
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') ++count;
    const std::string_view found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
  }
  [[nodiscard]] bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

/// Minutes east of UTC, or nothing. "-00:00" is no zone.
std::optional<int> zone(Scanner& scan) {
  if (scan.literal('Z')) return 0;
  const bool west = scan.literal('-');
  if (!west && !scan.literal('+')) return std::nullopt;
  const auto hours = scan.number(2);
  if (!hours || !scan.literal(':')) return std::nullopt;
  const auto minutes = scan.number(2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int offset = *hours * 60 + *minutes;
  if (west && offset == 0) return std::nullopt;
  return west ? -offset : offset;
}

/// Of the digits behind the point of a second.
std::chrono::microseconds fraction(std::string_view digits) {
  std::int64_t micros = 0;
  for (std::size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return std::chrono::microseconds(micros);
}

}  // namespace

bool is_datetime(std::string_view text) { return parse_datetime(text).has_value(); }

std::optional<WallTime> parse_datetime(std::string_view text) {
  if (text.size() > 64) return std::nullopt;
  Scanner scan(text);
  const auto year = scan.number(4);
  if (!year || !scan.literal('-')) return std::nullopt;
  const auto month = scan.number(2);
  if (!month || *month < 1 || *month > 12 || !scan.literal('-')) return std::nullopt;
  const auto day = scan.number(2);
  if (!day || *day < 1 || *day > days_in(*year, *month) || !scan.literal('T')) return std::nullopt;
  const auto hour = scan.number(2);
  if (!hour || *hour > 23 || !scan.literal(':')) return std::nullopt;
  const auto minute = scan.number(2);
  if (!minute || *minute > 59 || !scan.literal(':')) return std::nullopt;
  const auto second = scan.number(2);
  if (!second || *second > 59) return std::nullopt;
  std::string_view behind_point;
  if (scan.literal('.')) {
    behind_point = scan.digits();
    if (behind_point.empty() || behind_point.size() > 20) return std::nullopt;
  }
  const auto offset = zone(scan);
  if (!offset || !scan.done()) return std::nullopt;
  // Not before the year 0: only its first day can be pushed over the edge by a zone.
  const bool first_day = *year == 0 && *month == 1 && *day == 1;
  if (first_day && *hour * 60 + *minute < *offset) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute - *offset) +
         std::chrono::seconds(*second) + fraction(behind_point);
}

}  // namespace tap::atproto
