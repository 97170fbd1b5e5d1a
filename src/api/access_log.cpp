// SPDX-License-Identifier: MIT
#include "api/access_log.hpp"

#include "tap/base/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace tap::api {
namespace {

void append_text(std::string& out, std::string_view key, std::string_view value) {
  out += fmt::format(",\"{}\":", key);
  append_json_string(out, value);
}

/// `value` / `unit` with as many decimals as it takes, and no more.
std::string decimal(std::uint64_t value, std::uint64_t unit, std::string_view suffix) {
  std::string out = fmt::format("{}", value / unit);
  if (const std::uint64_t rest = value % unit; rest != 0) {
    const std::size_t digits = fmt::format("{}", unit).size() - 1;
    std::string fraction = fmt::format("{:0{}}", rest, digits);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    out += "." + fraction;
  }
  return out.append(suffix);
}

}  // namespace

std::string access_line(std::string_view time, std::string_view remote, const Request& request,
                        const Response& response, std::chrono::nanoseconds latency, std::size_t bytes_out) {
  std::string out = "{\"time\":";
  append_json_string(out, time);
  append_text(out, "id", request.request_id);
  append_text(out, "remote_ip", remote);
  append_text(out, "host", request.host);
  append_text(out, "method", request.method);
  append_text(out, "uri", request.target);
  append_text(out, "user_agent", request.user_agent);
  out += fmt::format(",\"status\":{}", response.status);
  append_text(out, "error", response.error);
  out += fmt::format(",\"latency\":{}", latency.count());
  append_text(out, "latency_human", human_duration(latency));
  out += fmt::format(",\"bytes_in\":{},\"bytes_out\":{}}}", request.content_length, bytes_out);
  return out;
}

std::string human_duration(std::chrono::nanoseconds duration) {
  const auto nanos = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  constexpr std::uint64_t kSecond = 1'000'000'000;
  if (nanos == 0) return "0s";
  if (nanos < 1'000) return fmt::format("{}ns", nanos);
  if (nanos < 1'000'000) return decimal(nanos, 1'000, "µs");
  if (nanos < kSecond) return decimal(nanos, 1'000'000, "ms");
  const std::uint64_t hours = nanos / (3'600 * kSecond);
  const std::uint64_t minutes = nanos / (60 * kSecond) % 60;
  std::string out;
  if (hours != 0) out += fmt::format("{}h", hours);
  if (hours != 0 || minutes != 0) out += fmt::format("{}m", minutes);
  return out + decimal(nanos % (60 * kSecond), kSecond, "s");
}

}  // namespace tap::api
