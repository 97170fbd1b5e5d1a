// SPDX-License-Identifier: MIT
#include "resync/agenda.hpp"

#include "tap/base/log.hpp"

#include <algorithm>
#include <utility>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("resyncer");
/// What an attempt costs whose host is full: repos of one crowded host do not keep the loop turning, nor do they keep
/// those that stand behind them from hosts that have room.
constexpr std::chrono::microseconds kVainProbe = 125us;
/// The part of all attempts that may ask the hosts of did:webs.
constexpr std::size_t kShareOfHosts = 4;

}  // namespace

Agenda::Agenda(Executor loop, const repos::Table& table, const Clock& clock, metrics::Registry& metrics,
               Hosts::Limits limits)
    : table_(table),
      clock_(clock),
      probes_(limits.fetches),
      hosts_(limits),
      changed_(std::move(loop)),
      waiting_(metrics.gauge("tap_resync_waiting", "Repos that wait for their retry")),
      fetching_(metrics.queue("resync_fetches", limits.fetches)),
      parked_(metrics.queue("resync_parked", limits.parked)),
      paced_(
          metrics.counter("tap_resync_paced_total", "Repos that have to wait because they were fetched just before")),
      host_gauges_(metrics) {
  for (std::size_t line = 0; line < Queue::kLines; ++line) {
    ready_[line] = &metrics.gauge("tap_resync_queue", "Repos to be fetched",
                                  {{"line", std::string(Queue::name(Queue::Line{line}))}});
  }
}

void Agenda::add(RepoId id) {
  if (!busy_.contains(id) && wants(id)) enqueue(id);
  changed_.notify_all();
}

void Agenda::hurry(RepoId id) {
  if (!wants(id)) return;
  // What was never fetched is not on demand, and has no retry time.
  const bool demanded = table_.get(id)->state != repos::State::pending && hurried_.insert(id);
  if (!busy_.contains(id) && queue_.contains(id)) {
    const SteadyTime now = clock_.steady();
    const SteadyTime due = pace_.due(id, now);
    queue_.hurry(id, due);
    if (demanded && due > now) tell_of_pace(id, due - now);
  }
  add(id);
}

void Agenda::enqueue(RepoId id) {
  if (queue_.contains(id)) return;
  const auto state = table_.get(id)->state;
  const SteadyTime now = clock_.steady();
  const SteadyTime due = pace_.due(id, now);
  if (due <= now) return queue_.add(id, state);
  queue_.add_later(id, state, due);
  tell_of_pace(id, due - now);
}

void Agenda::tell_of_pace(RepoId id, SteadyTime::duration wait) {
  paced_.add();
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  kLog.warn("a repo wants to be fetched too often", {{"did", table_.did(id)->str()}, {"seconds", seconds}});
}

bool Agenda::wants(RepoId id) const {
  const auto repo = table_.get(id);
  return repo && repo->account == repos::Account::active && repo->state != repos::State::active &&
         repo->state != repos::State::resyncing;
}

void Agenda::pause(const std::string& host, std::chrono::seconds length) {
  hosts_.pause(host, clock_.steady() + length);
}

void Agenda::pause_probes(std::chrono::milliseconds length) {
  next_probe_ = std::max(next_probe_, clock_.steady() + length);
}

std::vector<Agenda::Start> Agenda::next() {
  const SteadyTime now = clock_.steady();
  std::vector<Start> starts;
  for (auto& [host, id] : hosts_.unpark(now)) starts.push_back({id, std::move(host), true});
  const std::size_t unparked = starts.size();
  while (may_probe(starts.size() - unparked) && next_probe_ <= now) {
    const auto id = queue_.take(now);
    if (!id) break;
    busy_.insert(*id);
    starts.push_back({*id, {}, hurried_.contains(*id)});
  }
  show(now);
  return starts;
}

bool Agenda::may_probe(std::size_t more) const { return hosts_.has_room() && probing_ + more < probes_; }

Task<void> Agenda::wait() {
  const SteadyTime now = clock_.steady();
  const auto due = next_due(now);
  if (!due) {
    co_await changed_.wait();
  } else {
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(*due - now);
    co_await changed_.wait_for(std::max(1ms, pause));
  }
}

std::optional<SteadyTime> Agenda::next_due(SteadyTime now) {
  auto due = hosts_.next_due();
  const auto sooner = [&due](SteadyTime other) {
    if (!due || other < *due) due = other;
  };
  if (const auto look = host_gauges_.next_due(hosts_)) sooner(*look);
  if (!may_probe()) return due;  // what is in the queue waits for the end of an attempt
  if (const auto retry = queue_.next_due()) sooner(std::max(*retry, next_probe_));
  if (next_probe_ > now && queue_.size() > queue_.waiting()) sooner(next_probe_);
  return due;
}

void Agenda::slow_down() { next_probe_ = std::max(next_probe_, clock_.steady()) + kVainProbe; }

void Agenda::show(SteadyTime now) {
  for (std::size_t line = 0; line < Queue::kLines; ++line) {
    ready_[line]->set(static_cast<std::int64_t>(queue_.ready(Queue::Line{line})));
  }
  waiting_.set(static_cast<std::int64_t>(queue_.waiting()));
  fetching_.set(static_cast<std::int64_t>(hosts_.fetching()));
  parked_.set(static_cast<std::int64_t>(hosts_.parked()));
  host_gauges_.show(hosts_, now);
}

Attempt::Attempt(Agenda& agenda, Agenda::Start start)
    : agenda_(&agenda),
      id_(start.id),
      host_(std::move(start.host)),
      hurried_(start.hurried),
      was_parked_(!host_.empty()),
      entered_(was_parked_),
      begun_(agenda.clock_.steady()) {
  probe(!entered_);
}

Attempt::Attempt(Attempt&& other) noexcept
    : agenda_(std::exchange(other.agenda_, nullptr)),
      id_(other.id_),
      host_(std::move(other.host_)),
      hurried_(other.hurried_),
      was_parked_(other.was_parked_),
      entered_(other.entered_),
      parked_(other.parked_),
      probing_(other.probing_),
      asking_(other.asking_),
      begun_(other.begun_),
      due_(other.due_) {}

Attempt::~Attempt() {
  if (agenda_ == nullptr) return;
  leave(Hosts::Answer::unknown);
  host_asked();
  probe(false);
  if (!parked_) {
    agenda_->busy_.erase(id_);
    if (!agenda_->wants(id_)) agenda_->hurried_.erase(id_);
    // Demanded meanwhile, and this was not the answer: it does not wait for its retry.
    const bool demanded = !hurried_ && agenda_->hurried_.contains(id_);
    if (due_ && !demanded && agenda_->wants(id_)) {
      agenda_->queue_.add_later(id_, agenda_->table_.get(id_)->state, *due_);
    } else {
      agenda_->add(id_);
    }
  }
  agenda_->changed_.notify_all();
}

bool Attempt::enter(const std::string& host) {
  if (entered_ && host_ == host) return true;
  leave(Hosts::Answer::unknown);
  host_ = host;
  const auto entry = agenda_->hosts_.enter(host, id_, agenda_->clock_.steady());
  entered_ = entry == Hosts::Entry::entered;
  parked_ = entry == Hosts::Entry::parked;
  if (entry == Hosts::Entry::full) agenda_->slow_down();
  if (entered_) probe(false);
  begun_ = agenda_->clock_.steady();
  return entered_;
}

bool Attempt::ask_host() {
  if (agenda_->asking_ >= std::max<std::size_t>(1, agenda_->probes_ / kShareOfHosts)) {
    agenda_->slow_down();
    return false;
  }
  ++agenda_->asking_;
  asking_ = true;
  return true;
}

void Attempt::host_asked() {
  if (std::exchange(asking_, false)) --agenda_->asking_;
}

void Attempt::leave(Hosts::Answer answer) {
  if (!std::exchange(entered_, false)) return;
  agenda_->hosts_.leave(host_, answer, agenda_->clock_.steady());
  agenda_->changed_.notify_all();
}

void Attempt::park() {
  leave(Hosts::Answer::prompt);
  (void)enter(host_);
}

void Attempt::postpone(std::optional<std::chrono::milliseconds> delay) {
  due_.reset();
  if (delay) due_ = agenda_->clock_.steady() + *delay;
}

void Attempt::conclude() {
  if (!agenda_->hurried_.contains(id_)) return;
  agenda_->hurried_.erase(id_);
  const SteadyTime now = agenda_->clock_.steady();
  agenda_->pace_.ended(id_, now - begun_, now);
}

void Attempt::probe(bool on) {
  if (std::exchange(probing_, on) == on) return;
  on ? ++agenda_->probing_ : --agenda_->probing_;
  if (!on) agenda_->changed_.notify_all();
}

}  // namespace tap::resync
