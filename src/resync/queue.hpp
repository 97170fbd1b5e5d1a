// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/repos/id_set.hpp"
#include "tap/repos/state.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tap::resync {

using repos::RepoId;

/// Which repo is fetched next. Pure; loop thread only.
///
/// Three lines, pending, desynchronized and error, are served in turn, so that none starves (protocol 8.4 item 42). A
/// repo that has to wait enters its line when its time has come. A repo stands in the queue at most once; who takes it
/// checks that it still wants. Memory: about 8 bytes for a repo in a line, 100 for one that waits.
class Queue {
 public:
  enum Line : std::size_t { pending, desynchronized, error, kLines };
  [[nodiscard]] static Line line_of(repos::State state);
  [[nodiscard]] static std::string_view name(Line line);

  /// Nothing happens when it is in the queue already, be it in a line or waiting.
  void add(RepoId id, repos::State state);
  /// The same, but not before `due`.
  void add_later(RepoId id, repos::State state, SteadyTime due);
  /// Shortens its wait, if it waits longer than that.
  void hurry(RepoId id, SteadyTime due);
  /// The next repo, or none that is due.
  [[nodiscard]] std::optional<RepoId> take(SteadyTime now);
  /// When the first one that waits is due.
  [[nodiscard]] std::optional<SteadyTime> next_due();

  [[nodiscard]] bool contains(RepoId id) const { return known_.contains(id); }
  [[nodiscard]] std::size_t size() const { return known_.size(); }
  /// In a line, to be taken at once.
  [[nodiscard]] std::size_t ready(Line line) const { return lines_[line].size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Alarm {
    SteadyTime due;
    RepoId id;
    bool operator>(const Alarm& other) const { return due > other.due; }
  };
  struct Wait {
    SteadyTime due;
    Line line;
  };
  void ripen(SteadyTime now);
  /// Out of its wait into its line.
  void line_up(RepoId id);
  /// Alarms of waits that were cut short are passed over.
  void skip_stale_alarms();

  std::array<std::deque<RepoId>, kLines> lines_;
  std::size_t turn_ = 0;
  std::unordered_map<RepoId, Wait> waiting_;
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms_;
  repos::IdSet known_;
};

/// When a repo that failed is tried again: a transient failure after 2 s, doubling to an hour; a permanent one after an
/// hour, doubling to a day. `failures` counts this one; jitter comes on top.
[[nodiscard]] std::chrono::milliseconds retry_delay(bool permanent, std::uint32_t failures);
/// An upper bound of it, jitter included, whatever the failures were.
[[nodiscard]] std::chrono::milliseconds longest_delay(std::uint32_t failures);
/// The Unix second in which this wait is over: never before it is.
[[nodiscard]] std::int64_t unix_after(WallTime now, std::chrono::milliseconds delay);

}  // namespace tap::resync
