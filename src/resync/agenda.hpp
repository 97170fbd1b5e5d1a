// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/base/metrics.hpp"
#include "tap/repos/id_set.hpp"
#include "tap/repos/table.hpp"

#include "resync/host_gauges.hpp"
#include "resync/hosts.hpp"
#include "resync/pace.hpp"
#include "resync/queue.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tap::resync {

/// What is to be done next: the queue of repos, the patience of their hosts, and what is under way. Loop thread only;
/// outlives the attempts.
class Agenda {
 public:
  Agenda(Executor loop, const repos::Table& table, const Clock& clock, metrics::Registry& metrics,
         Hosts::Limits limits);

  /// This repo may want a resync; harmless when it does not, or is known.
  void add(RepoId id);
  /// The same, on demand: it waits for its pace, but not for its retry.
  void hurry(RepoId id);
  /// True for a repo that is not what it should be and whose account is active.
  [[nodiscard]] bool wants(RepoId id) const;
  /// No fetch from this host for so long.
  void pause(const std::string& host, std::chrono::seconds length);
  /// No attempt that has to look for its host, for so long: there is nobody to ask.
  void pause_probes(std::chrono::milliseconds length);

  /// An attempt to be made now.
  struct Start {
    RepoId id;
    std::string host;      ///< where it has entered already, after having been parked there; or empty
    bool hurried = false;  ///< without regard to its retry time
  };
  [[nodiscard]] std::vector<Start> next();
  /// Resumes when next() may have something new.
  [[nodiscard]] Task<void> wait();

 private:
  friend class Attempt;  // the handle to what is under way
  /// Whether attempts may begin that do not know their host yet, besides so many more.
  [[nodiscard]] bool may_probe(std::size_t more = 0) const;
  [[nodiscard]] std::optional<SteadyTime> next_due(SteadyTime now);
  /// Into the queue, to be taken as soon as its pace allows.
  void enqueue(RepoId id);
  void tell_of_pace(RepoId id, SteadyTime::duration wait);
  /// An attempt was in vain, for want of room: the next one begins a little later.
  void slow_down();
  void show(SteadyTime now);

  const repos::Table& table_;
  const Clock& clock_;
  std::size_t probes_;  // attempts at once that do not know their host yet
  Queue queue_;
  Hosts hosts_;
  Pace pace_;
  repos::IdSet busy_;     // under way or parked
  repos::IdSet hurried_;  // on demand, until an attempt has come to its end
  std::size_t probing_ = 0;
  std::size_t asking_ = 0;   // attempts that ask the host of a did:web
  SteadyTime next_probe_{};  // later when the last ones were in vain
  async::Event changed_;
  std::array<metrics::Gauge*, Queue::kLines> ready_;
  metrics::Gauge& waiting_;
  metrics::Gauge& fetching_;
  metrics::Gauge& parked_;
  metrics::Counter& paced_;
  HostGauges host_gauges_;
};

/// One attempt at a repo: holds its place on the agenda and at its host, and gives both back in the end. A repo that
/// still wants then stands in the queue again.
class Attempt {
 public:
  Attempt(Agenda& agenda, Agenda::Start start);
  Attempt(Attempt&& other) noexcept;
  Attempt& operator=(Attempt&&) = delete;
  ~Attempt();

  [[nodiscard]] RepoId id() const { return id_; }
  [[nodiscard]] bool hurried() const { return hurried_; }
  /// It was parked at the host where it has entered now.
  [[nodiscard]] bool was_parked() const { return was_parked_; }
  /// True when a fetch from this host may begin; otherwise the repo was parked or put off, and the attempt ends.
  [[nodiscard]] bool enter(const std::string& host);
  /// True when the host of its did:web may be asked who it is; otherwise the repo was put off, and the attempt ends. A
  /// quarter of all may ask at once: such a host is anybody's, and those that hang leave the rest to the others.
  [[nodiscard]] bool ask_host();
  /// It has answered, or has not in time.
  void host_asked();
  /// It was parked at a host that wants to be left alone, or hangs.
  [[nodiscard]] bool waits_for_pause() const {
    return parked_ && agenda_->hosts_.is_paused(host_, agenda_->clock_.steady());
  }
  /// The fetch is over.
  void leave(Hosts::Answer answer);
  /// Waits for its host again, uncharged.
  void park();
  /// To be tried again then, or without a delay as soon as it may; the last word counts.
  void postpone(std::optional<std::chrono::milliseconds> delay);
  /// It came to its end, good or bad: what was demanded is done, and the pace of the repo counts it.
  void conclude();

 private:
  void probe(bool on);
  Agenda* agenda_;
  RepoId id_;
  std::string host_;
  bool hurried_;
  bool was_parked_;
  bool entered_ = false;
  bool parked_ = false;
  bool probing_ = false;
  bool asking_ = false;
  SteadyTime begun_;  // once it has entered, then
  std::optional<SteadyTime> due_;
};

}  // namespace tap::resync
