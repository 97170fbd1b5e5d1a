// SPDX-License-Identifier: MIT
// How long a peer asks us to wait: bounded, whatever it says. Eight bytes of our time, then the two headers.
#include "tap/base/text.hpp"
#include "tap/net/retry_after.hpp"

#include "fuzz/fuzz.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

using namespace tap;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kCentury = 3'155'760'000'000'000;  // microseconds

std::string date_of(std::chrono::sys_seconds time) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT",
                     fmt::gmtime(static_cast<std::time_t>(time.time_since_epoch().count())));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const WallTime now{std::chrono::microseconds(input.word() % kCentury)};
  const std::string wish(input.text());
  const net::Response response{
      .status = 429, .headers = {{"retry-after", wish}, {"ratelimit-reset", std::string(as_text(input.rest()))}}};

  const auto pause = net::pause_of(response, now);
  if (pause) fuzz::require(*pause >= seconds(1) && *pause <= seconds(3'600));
  const auto wait = net::retry_after(response, now);
  if (!wait) return 0;
  fuzz::require(pause.has_value());
  if (const auto number = parse_decimal<std::uint64_t>(wish)) {
    fuzz::require(*wait >= seconds(0) && static_cast<std::uint64_t>(wait->count()) <= *number);
    return 0;
  }
  // The date that was meant, written as it should be, is the same wait. It was rounded down.
  const auto meant = std::chrono::ceil<seconds>(now + *wait);
  const net::Response again{.status = 429, .headers = {{"retry-after", date_of(meant)}}};
  fuzz::require(net::retry_after(again, now) == wait);
  return 0;
}
