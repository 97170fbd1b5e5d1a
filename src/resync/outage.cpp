// SPDX-License-Identifier: MIT
#include "resync/outage.hpp"

#include <algorithm>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr unsigned kSure = 8;
constexpr std::chrono::milliseconds kRetry = 5s;  // of one repo
constexpr std::chrono::milliseconds kWait = 30s;
constexpr unsigned kLongestWait = 10;  // times kWait

}  // namespace

std::optional<std::chrono::milliseconds> Outage::failed(SteadyTime now) {
  if (failures_ < kSure) ++failures_;
  // Those that were under way when the wait began are part of the same trouble.
  if (failures_ < kSure || until_ > now) return std::nullopt;
  const auto wait = backoff(waits_++, kLongestWait, kWait);
  until_ = now + wait;
  return wait;
}

void Outage::over() { *this = {}; }

std::chrono::milliseconds Outage::retry_delay(SteadyTime now) const {
  return std::max(kRetry, std::chrono::ceil<std::chrono::milliseconds>(until_ - now));
}

}  // namespace tap::resync
