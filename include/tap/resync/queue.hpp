// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/repos/state.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tap::resync {

using repos::RepoId;

/// Which repo is fetched next. Pure; loop thread only.
///
/// Three lines, pending, desynchronized and error, are served in turn, so that none starves (protocol 8.4 item 42). A
/// repo that has to wait (a retry) enters its line when its time has come. A repo stands in the queue at most once; who
/// takes it checks that it still wants.
class Queue {
 public:
  void add(RepoId id, repos::State state);
  /// Not before `due`.
  void add_later(RepoId id, SteadyTime due);
  /// The next repo, or none that is due.
  [[nodiscard]] std::optional<RepoId> take(SteadyTime now);
  /// When the next waiting one is due, if nothing is ready now.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  enum Line : std::size_t { pending, desynchronized, error, kLines };
  struct Waiting {
    SteadyTime due;
    RepoId id;
    bool operator>(const Waiting& other) const { return due > other.due; }
  };
  void ripen(SteadyTime now);
  std::array<std::deque<RepoId>, kLines> lines_;
  std::size_t turn_ = 0;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  std::unordered_set<RepoId> known_;
};

/// How many fetches a host bears, and when it wants to be left alone. Pure; loop thread only. A host that nothing waits
/// for and that nothing is fetched from is forgotten once its pause is over.
class Hosts {
 public:
  explicit Hosts(std::size_t fetches_per_host) : limit_(fetches_per_host) {}

  /// True: the fetch may begin, and ends with leave(). False: the repo is parked until unpark() gives it back.
  [[nodiscard]] bool enter(const std::string& host, RepoId id, SteadyTime now);
  void leave(const std::string& host);
  /// No fetch before `until` (429); the later of two pauses counts.
  void pause(const std::string& host, SteadyTime until);
  /// Parked repos whose host takes a fetch again; they are to be tried anew.
  [[nodiscard]] std::vector<RepoId> unpark(SteadyTime now);
  /// When the next pause with parked repos ends.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;
  [[nodiscard]] std::size_t parked() const;
  [[nodiscard]] std::size_t paused(SteadyTime now) const;

 private:
  struct Host {
    std::size_t fetching = 0;
    SteadyTime paused_until{};
    std::deque<RepoId> parked;
  };
  std::size_t limit_;
  std::unordered_map<std::string, Host> hosts_;
};

/// When a repo that failed is tried again: a transient failure after 2 s, doubling to an hour; a permanent one after an
/// hour, doubling to a day. `failures` counts this one; jitter comes on top.
[[nodiscard]] std::chrono::milliseconds retry_delay(bool permanent, std::uint32_t failures);

}  // namespace tap::resync
