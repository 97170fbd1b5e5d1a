// SPDX-License-Identifier: MIT
#include "resync/pace.hpp"

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::hours kCalm = 1h;
constexpr std::chrono::milliseconds kUnit = 2s;
constexpr unsigned kCap = 300;  // times the unit: ten minutes

}  // namespace

void Pace::ended(repos::RepoId id, SteadyTime now) {
  while (!entries_.empty() && is_calm(entries_.front(), now)) forget_oldest();
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    Entry& entry = *found->second;
    ++entry.count;
    entry.last = now;
    entries_.splice(entries_.end(), entries_, found->second);
    return;
  }
  if (capacity_ == 0) return;
  if (entries_.size() == capacity_) forget_oldest();
  by_id_.emplace(id, entries_.insert(entries_.end(), {id, 1, now}));
}

SteadyTime Pace::due(repos::RepoId id, SteadyTime now) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || is_calm(*found->second, now)) return now;
  return found->second->last + backoff(found->second->count, kCap, kUnit);
}

bool Pace::is_calm(const Entry& entry, SteadyTime now) { return now - entry.last >= kCalm; }

void Pace::forget_oldest() {
  by_id_.erase(entries_.front().id);
  entries_.pop_front();
}

}  // namespace tap::resync
