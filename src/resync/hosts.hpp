// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/repos/state.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tap::resync {

using repos::RepoId;

/// How many fetches each host bears, and when it wants to be left alone. Pure; loop thread only. A host is named by its
/// origin.
///
/// A host on trial, one that has not answered yet or whose last fetch hung, gets one fetch at a time, and all hosts on
/// trial together at most half of all fetches: hosts that hang never hold up those that answer. A host that hangs twice
/// in a row rests for 30 s, doubling to an hour.
class Hosts {
 public:
  struct Limits {
    std::size_t fetches = 100;    ///< under way at once, everywhere
    std::size_t per_host = 4;     ///< of them from one host
    std::size_t park = 64;        ///< repos parked at one host
    std::size_t parked = 10'000;  ///< repos parked everywhere
    std::size_t known = 20'000;   ///< hosts; of idle ones no more are remembered, be they paused or not
  };
  explicit Hosts(Limits limits) : limits_(limits) {}

  enum class Entry : std::uint8_t {
    entered,  ///< the fetch may begin, and ends with leave()
    parked,   ///< unpark() gives it back
    full,     ///< too many are parked already: try later
  };
  [[nodiscard]] Entry enter(const std::string& host, RepoId id, SteadyTime now);

  enum class Answer : std::uint8_t {
    prompt,   ///< it answered, whatever it said
    none,     ///< it could not be reached, or hung
    unknown,  ///< the fetch was given up for another reason
  };
  void leave(const std::string& host, Answer answer, SteadyTime now);
  /// No fetch before `until` (429); the later of two pauses counts.
  void pause(const std::string& host, SteadyTime until);

  struct Admitted {
    std::string host;
    RepoId id;
  };
  /// Parked repos whose fetch may begin now, hosts in turn: each has entered.
  [[nodiscard]] std::vector<Admitted> unpark(SteadyTime now);
  /// When the next pause ends.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;

  /// A fetch more may be under way.
  [[nodiscard]] bool has_room() const { return fetching_ < limits_.fetches; }
  [[nodiscard]] std::size_t fetching() const { return fetching_; }
  [[nodiscard]] std::size_t parked() const { return parked_; }
  /// No fetch from this host may begin, whatever room there is.
  [[nodiscard]] bool is_paused(const std::string& host, SteadyTime now) const;
  /// Hosts whose pause was not over at the last unpark().
  [[nodiscard]] std::size_t paused() const { return pauses_.size(); }
  [[nodiscard]] std::size_t known() const { return hosts_.size(); }
  /// Hosts with a fetch under way, and those with repos parked.
  [[nodiscard]] std::size_t active() const { return active_; }
  [[nodiscard]] std::size_t crowded() const { return crowded_; }

  /// What there is to tell of one host.
  struct Status {
    std::string name;
    std::size_t waiting = 0;         ///< repos parked
    std::size_t fetching = 0;        ///< repos
    std::chrono::seconds paused{0};  ///< for so long still, rounded up
    std::uint32_t hung = 0;          ///< its last fetches, in a row
  };
  /// Of the hosts that are waited for, fetched from or paused those for which most repos wait, the worst first: among
  /// equals that whose pause is the longest, then that with the most fetches. Looks at every known host, so it is not
  /// for every event.
  [[nodiscard]] std::vector<Status> worst(std::size_t most, SteadyTime now) const;

 private:
  using Line = std::list<std::string>;
  struct Host {
    std::size_t fetching = 0;
    std::uint32_t hung = 0;  // in a row
    bool proven = false;
    SteadyTime paused_until{};
    std::deque<RepoId> parked;
    std::optional<Line::iterator> place;
  };
  [[nodiscard]] bool admits(const Host& host, SteadyTime now) const;
  [[nodiscard]] bool has_room_for_trials() const;
  void begin(Host& host);
  void judge(Host& host, Answer answer);
  [[nodiscard]] Line& line_of(const Host& host) { return lines_[host.proven ? kProven : kOnTrial]; }
  void line_up(const std::string& name, Host& host);
  void serve_first(Line& line, SteadyTime now, std::vector<Admitted>& admitted);
  void end_pauses(SteadyTime now);
  void forget_if_idle(const std::string& name, SteadyTime now);

  Limits limits_;
  std::unordered_map<std::string, Host> hosts_;
  // Those with parked repos that are not paused, in turn. Few of a line are passed over, since a fetch from each is
  // under way: a turn costs little however many wait.
  static constexpr std::size_t kOnTrial = 0;
  static constexpr std::size_t kProven = 1;
  std::array<Line, 2> lines_;
  std::size_t next_line_ = kOnTrial;
  std::set<std::pair<SteadyTime, std::string>> pauses_;  // running ones, and when they end
  std::size_t crowded_ = 0;
  std::size_t fetching_ = 0;
  std::size_t active_ = 0;
  std::size_t on_trial_ = 0;  // fetches from hosts that are on trial
  std::size_t parked_ = 0;
};

}  // namespace tap::resync
