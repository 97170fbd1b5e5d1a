// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/repos/id_set.hpp"
#include "tap/repos/state.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace tap::resync {

/// Whose handles are to be verified once more, and when: a name server was silent, a host in trouble, or the line full.
/// Pure; loop thread only.
///
/// A check that failed is repeated after a minute, doubling to six hours. Of more repos than `capacity` only the id is
/// kept, at about a bit: all of those are due together, after an hour. So nothing is lost, however long an outage
/// lasts.
class HandleRetries {
 public:
  /// Memory: some 150 bytes for each of so many.
  explicit HandleRetries(std::size_t capacity) : capacity_(capacity) {}

  /// The check failed in passing; `jitter` comes on top of the wait.
  void failed(repos::RepoId id, SteadyTime now, std::chrono::milliseconds jitter);
  /// There was no place in the line.
  void put_off(repos::RepoId id, SteadyTime now);
  /// There is an answer, or nobody left to ask for.
  void done(repos::RepoId id);

  /// One that is due; it is to end in failed() or done().
  [[nodiscard]] std::optional<repos::RepoId> take(SteadyTime now);
  /// When take() has one; in the past when it has one now.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;
  [[nodiscard]] std::size_t waiting() const { return alarms_.size() + rest_.size() + round_.size(); }

 private:
  struct Entry {
    unsigned failures = 0;
    std::optional<SteadyTime> due;  // none while it is being checked
  };
  std::size_t capacity_;
  std::unordered_map<repos::RepoId, Entry> entries_;
  std::set<std::pair<SteadyTime, repos::RepoId>> alarms_;
  repos::IdSet rest_;   // those without an entry, for the next round
  repos::IdSet round_;  // those of the round that is under way
  SteadyTime next_round_{};
};

}  // namespace tap::resync
