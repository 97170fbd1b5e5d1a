// SPDX-License-Identifier: MIT
#include "firehose/reconnect.hpp"

#include "tap/base/clock.hpp"
#include "tap/base/text.hpp"

#include <algorithm>
#include <utility>

namespace tap::firehose {
namespace {

using namespace std::chrono_literals;

/// A connection that lived so long was healthy: failures are counted anew.
constexpr auto kHealthy = 60s;
constexpr std::chrono::milliseconds kLongestWish = 10min;

}  // namespace

Ending ending_of_refusal(int status, std::string_view retry_after) {
  if (status != 429 && status != 501 && status != 503) return {};
  Ending ending{status != 503, std::nullopt};
  const auto seconds = parse_decimal<int>(retry_after);
  if (seconds && *seconds > 0) {
    ending.retry_after = std::min<std::chrono::milliseconds>(std::chrono::seconds(*seconds), kLongestWish);
  }
  return ending;
}

std::chrono::milliseconds Reconnect::pause(const Ending& ending, std::chrono::milliseconds lived) {
  if (lived >= kHealthy) attempt_ = 0;
  const auto usual = backoff(attempt_, 10, options_.unit);
  attempt_ = std::min(attempt_ + 1, 31U);
  if (ending.retry_after) return std::max(usual, *ending.retry_after);
  return ending.patience ? options_.patience : usual;
}

}  // namespace tap::firehose
