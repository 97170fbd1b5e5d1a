// SPDX-License-Identifier: MIT
#include "tap/net/retry_after.hpp"

#include "tap/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace tap::net {
namespace {

constexpr std::int64_t kLongest = 1'000'000'000;  // so that nobody's arithmetic overflows
constexpr std::chrono::seconds kLongestPause{3600};

/// Not negative.
std::optional<std::int64_t> number_of(const std::string& text) {
  const auto value = parse_decimal<std::int64_t>(text);
  return value && *value >= 0 ? value : std::nullopt;
}

}  // namespace

std::optional<std::chrono::seconds> retry_after(const Response& response, WallTime now) {
  const std::string& text = response.header("retry-after");
  if (const auto wait = number_of(text)) return std::chrono::seconds(std::min(*wait, kLongest));
  std::tm date{};
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(std::chrono::sys_seconds(std::chrono::seconds(::timegm(&date))) -
                                                  now);
}

std::optional<std::chrono::seconds> pause_of(const Response& response, WallTime now) {
  std::optional<std::chrono::seconds> wait = retry_after(response, now);
  if (!wait) {
    if (const auto reset = number_of(response.header("ratelimit-reset"))) {
      wait = std::chrono::seconds(*reset) - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
    }
  }
  if (!wait) return std::nullopt;
  return std::clamp(*wait, std::chrono::seconds(1), kLongestPause);
}

}  // namespace tap::net
