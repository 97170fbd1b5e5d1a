// SPDX-License-Identifier: MIT
#include "outbox/retry_clock.hpp"

#include <algorithm>

namespace tap::outbox {

void RetryClock::written(EventId id, SteadyTime now) {
  places_.insert_or_assign(id, next_place_);
  ahead_.push_back({id, next_place_++, now});
}

void RetryClock::acked(EventId id, SteadyTime now) {
  const auto found = places_.find(id);
  if (found == places_.end()) return;
  const std::uint64_t place = found->second;
  places_.erase(found);
  progress_ = now;
  while (!ahead_.empty() && ahead_.front().place <= place) {
    if (is_there(ahead_.front())) passed_.push_back({ahead_.front().id, ahead_.front().place, now});
    ahead_.pop_front();
  }
  // A consumer that acks in any order leaves one here for each ack.
  constexpr std::size_t kSlack = 64;
  if (passed_.size() > 2 * places_.size() + kSlack) {
    std::erase_if(passed_, [this](const Entry& entry) { return !is_there(entry); });
  }
}

std::vector<EventId> RetryClock::take_due(SteadyTime now, std::chrono::milliseconds timeout) {
  std::vector<EventId> due;
  const auto take = [&](std::deque<Entry>& entries, SteadyTime not_before) {
    while (!entries.empty()) {
      const Entry entry = entries.front();
      const bool there = is_there(entry);
      if (there && std::max(entry.from, not_before) + timeout > now) return;
      entries.pop_front();
      if (!there) continue;
      places_.erase(entry.id);
      due.push_back(entry.id);
    }
  };
  take(passed_, SteadyTime{});
  take(ahead_, progress_);
  return due;
}

std::optional<SteadyTime> RetryClock::next() const {
  std::optional<SteadyTime> next;
  if (!passed_.empty()) next = passed_.front().from;
  if (!ahead_.empty()) {
    const SteadyTime from = std::max(ahead_.front().from, progress_);
    next = next ? std::min(*next, from) : from;
  }
  return next;
}

bool RetryClock::is_there(const Entry& entry) const {
  const auto found = places_.find(entry.id);
  return found != places_.end() && found->second == entry.place;
}

}  // namespace tap::outbox
