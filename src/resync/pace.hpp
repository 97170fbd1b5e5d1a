// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/repos/state.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

namespace tap::resync {

/// How soon a repo that was fetched on demand may be fetched on demand again: a PDS whose commits never fit, or an
/// account that comes and goes, must not cost a whole fetch each time. The first time costs no wait; the n-th within an
/// hour begins 2^n s after the end of the one before. What is cheap may come again soon, whoever is to blame: it waits
/// 30 s at most, or twenty times as long as the fetch before took, and never longer than 10 min. A calm hour, and it is
/// forgotten. Pure; loop thread only. Memory: some 130 bytes a repo.
class Pace {
 public:
  /// Of more repos than `capacity` those are forgotten that have been calm the longest.
  explicit Pace(std::size_t capacity = 100'000) : capacity_(capacity) {}

  /// A fetch on demand is over that took so long, whatever came of it.
  void ended(repos::RepoId id, SteadyTime::duration took, SteadyTime now);
  /// Before then, the repo has to wait; a time that is past when it has not.
  [[nodiscard]] SteadyTime due(repos::RepoId id, SteadyTime now) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    repos::RepoId id;
    std::uint32_t count = 0;
    SteadyTime::duration took{};
    SteadyTime last{};
  };
  using Entries = std::list<Entry>;
  [[nodiscard]] static bool is_calm(const Entry& entry, SteadyTime now);
  Entry& entry_of(repos::RepoId id);
  void forget_oldest();

  std::size_t capacity_;
  Entries entries_;  // the longest calm first
  std::unordered_map<repos::RepoId, Entries::iterator> by_id_;
};

}  // namespace tap::resync
