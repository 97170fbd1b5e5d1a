// SPDX-License-Identifier: MIT
#include "resync/pace.hpp"

#include <algorithm>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::hours kCalm = 1h;
constexpr std::chrono::milliseconds kUnit = 2s;
constexpr unsigned kCap = 300;  // times the unit: ten minutes
constexpr std::chrono::seconds kCheap = 30s;
constexpr int kShare = 20;  // a repo has at most one part in so many of the time of a fetch

}  // namespace

void Pace::ended(repos::RepoId id, SteadyTime::duration took, SteadyTime now) {
  while (!entries_.empty() && is_calm(entries_.front(), now)) forget_oldest();
  if (capacity_ == 0) return;
  Entry& entry = entry_of(id);
  ++entry.count;
  entry.took = took;
  entry.last = now;
}

Pace::Entry& Pace::entry_of(repos::RepoId id) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    entries_.splice(entries_.end(), entries_, found->second);
  } else {
    if (entries_.size() == capacity_) forget_oldest();
    by_id_.emplace(id, entries_.insert(entries_.end(), {.id = id}));
  }
  return entries_.back();
}

SteadyTime Pace::due(repos::RepoId id, SteadyTime now) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || is_calm(*found->second, now)) return now;
  const Entry& entry = *found->second;
  const SteadyTime::duration most = std::max<SteadyTime::duration>(kCheap, kShare * entry.took);
  return entry.last + std::min<SteadyTime::duration>(backoff(entry.count, kCap, kUnit), most);
}

bool Pace::is_calm(const Entry& entry, SteadyTime now) { return now - entry.last >= kCalm; }

void Pace::forget_oldest() {
  by_id_.erase(entries_.front().id);
  entries_.pop_front();
}

}  // namespace tap::resync
