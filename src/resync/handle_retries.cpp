// SPDX-License-Identifier: MIT
#include "resync/handle_retries.hpp"

#include <algorithm>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::milliseconds kWait = 1min;
constexpr unsigned kLongestWait = 360;  // times kWait: six hours
constexpr std::chrono::milliseconds kRound = 1h;

}  // namespace

void HandleRetries::failed(repos::RepoId id, SteadyTime now, std::chrono::milliseconds jitter) {
  if (entries_.size() == capacity_ && !entries_.contains(id)) return put_off(id, now);
  Entry& entry = entries_[id];
  if (entry.due) alarms_.erase({*entry.due, id});
  entry.due = now + backoff(entry.failures++, kLongestWait, kWait) + jitter;
  alarms_.emplace(*entry.due, id);
}

void HandleRetries::put_off(repos::RepoId id, SteadyTime now) {
  if (const auto found = entries_.find(id); found != entries_.end() && found->second.due) return;
  if (rest_.size() == 0) next_round_ = now + kRound;
  rest_.insert(id);
}

void HandleRetries::done(repos::RepoId id) {
  rest_.erase(id);
  round_.erase(id);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  if (found->second.due) alarms_.erase({*found->second.due, id});
  entries_.erase(found);
}

std::optional<repos::RepoId> HandleRetries::take(SteadyTime now) {
  if (!alarms_.empty() && alarms_.begin()->first <= now) {
    const repos::RepoId id = alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    entries_.at(id).due.reset();
    return id;
  }
  if (round_.size() == 0 && next_round_ <= now) std::swap(round_, rest_);
  return round_.take_any();
}

std::optional<SteadyTime> HandleRetries::next_due() const {
  if (round_.size() > 0) return SteadyTime{};
  std::optional<SteadyTime> due;
  if (rest_.size() > 0) due = next_round_;
  if (!alarms_.empty()) due = due ? std::min(*due, alarms_.begin()->first) : alarms_.begin()->first;
  return due;
}

}  // namespace tap::resync
