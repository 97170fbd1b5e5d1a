// SPDX-License-Identifier: MIT
#include "tap/net/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>

namespace tap::net {
namespace {

constexpr std::int64_t kLongest = 1'000'000'000;  // so that nobody's arithmetic overflows

}  // namespace

std::optional<std::chrono::seconds> retry_after(const Response& response, WallTime now) {
  const std::string& text = response.header("retry-after");
  std::int64_t wait = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wait);
  if (!text.empty() && error == std::errc{} && end == text.data() + text.size() && wait >= 0) {
    return std::chrono::seconds(std::min(wait, kLongest));
  }
  std::tm date{};
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(std::chrono::sys_seconds(std::chrono::seconds(::timegm(&date))) -
                                                  now);
}

}  // namespace tap::net
