// SPDX-License-Identifier: MIT
#include "resync/outage.hpp"

#include <algorithm>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kSure = 8;                  // DIDs
constexpr std::chrono::milliseconds kRetry = 5s;  // of one repo
constexpr std::chrono::milliseconds kWait = 30s;
constexpr unsigned kLongestWait = 10;  // times kWait

}  // namespace

std::optional<std::chrono::milliseconds> Outage::failed(const atproto::Did& did, SteadyTime now) {
  if (failed_.size() < kSure && std::ranges::find(failed_, did) == failed_.end()) failed_.push_back(did);
  // Those that were under way when the wait began are part of the same trouble.
  if (failed_.size() < kSure || until_ > now) return std::nullopt;
  const auto wait = backoff(waits_++, kLongestWait, kWait);
  until_ = now + wait;
  return wait;
}

void Outage::over() { *this = {}; }

std::chrono::milliseconds Outage::retry_delay(SteadyTime now) const {
  return std::max(kRetry, std::chrono::ceil<std::chrono::milliseconds>(until_ - now));
}

}  // namespace tap::resync
