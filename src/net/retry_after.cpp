// SPDX-License-Identifier: MIT
#include "tap/net/retry_after.hpp"

#include "tap/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace tap::net {
namespace {

constexpr std::int64_t kLongest = 1'000'000'000;  // so that nobody's arithmetic overflows

}  // namespace

std::optional<std::chrono::seconds> retry_after(const Response& response, WallTime now) {
  const std::string& text = response.header("retry-after");
  if (const auto wait = parse_decimal<std::int64_t>(text); wait && *wait >= 0) {
    return std::chrono::seconds(std::min(*wait, kLongest));
  }
  std::tm date{};
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(std::chrono::sys_seconds(std::chrono::seconds(::timegm(&date))) -
                                                  now);
}

}  // namespace tap::net
