// SPDX-License-Identifier: MIT
#include "tap/outbox/outbox.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"
#include "tap/outbox/schedule.hpp"

#include "outbox/consumers.hpp"
#include "outbox/stuck_lanes.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

namespace tap::outbox {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("outbox");
constexpr std::size_t kPage = 1'000;
constexpr std::size_t kBurials = 100;  // of one transaction

class JournaledOutbox final : public Outbox {
 public:
  JournaledOutbox(Executor loop, Journal& journal, const Clock& clock, metrics::Registry& metrics,
                  std::size_t undelivered, Options options)
      : journal_(journal),
        clock_(clock),
        options_(options),
        changed_(loop),
        room_(loop),
        total_(static_cast<std::int64_t>(undelivered)),
        more_on_disk_(undelivered > 0),
        delivered_(metrics.counter("tap_events_delivered_total", "Events written to consumers, repeats included")),
        acked_(metrics.counter("tap_events_acked_total", "Acks received, repeats included")),
        requeued_(metrics.counter("tap_events_requeued_total", "Events that went back to their lane unacked")),
        set_aside_(metrics.counter("tap_events_set_aside_total", "Events that became dead letters")),
        cached_(metrics.gauge("tap_event_cache_size", "Events in memory")),
        bytes_gauge_(metrics.gauge("tap_event_cache_bytes", "Bytes of the events in memory")),
        buffered_(metrics.gauge("tap_outbox_events", "Durable events not acked")) {
    metrics.gauge("tap_event_cache_capacity", "Events in memory at most")
        .set(static_cast<std::int64_t>(options.capacity));
    show_depth();
  }

  void committed(std::vector<Event> events) override {
    total_ += static_cast<std::int64_t>(events.size());
    for (Event& event : events) {
      announced_ = event.id;
      if (event.id <= loaded_) continue;  // a page read from the journal was quicker
      if (!more_on_disk_ && !is_full()) {
        keep(std::move(event));
      } else {
        more_on_disk_ = true;
        hold_for_page(std::move(event));
      }
    }
    show_depth();
    wake_sinks();
    if (more_on_disk_) changed_.notify_all();
  }

  Task<void> run() override {
    for (;;) {
      // Each in turn: there may be pages to read as long as consumers keep up, and trouble with one is not the others'.
      expire();
      bool done = true;
      if (!dying_.empty()) done &= co_await bury();
      if (wants_lane()) done &= co_await load_lane(*to_load_.begin());
      if (wants_page()) done &= co_await load_page();
      if (!done) {
        co_await async::sleep_for(1s);
      } else if (dying_.empty() && !wants_lane() && !wants_page()) {
        co_await changed_.wait_for(until_next_expiry());
      }
    }
  }

  Task<void> wait_for_room() override {
    while (!has_room()) co_await room_.wait();
  }
  bool has_room() const override { return !more_on_disk_ && has_memory(); }

  void attach(Sink& sink) override {
    consumers_.add(sink);
    sink.wake();
  }

  void detach(Sink& sink) override {
    const auto removed = consumers_.remove(sink);
    if (!removed) return;
    const std::vector<EventId> out(removed->out.begin(), removed->out.end());
    for (const EventId id : out) events_.at(id).at = nullptr;
    requeued_.add(out.size());
    schedule_.returned(out);
    wake_sinks();
  }

  std::vector<Outgoing> take(Sink& sink, std::size_t max) override {
    Consumer* consumer = consumers_.find(&sink);
    if (consumer == nullptr) return {};
    const std::size_t out = consumer->out.size();
    const std::size_t window = options_.window > out ? options_.window - out : 0;
    std::vector<Outgoing> taken;
    for (const EventId id : schedule_.take_ready(std::min(max, window))) {
      Held& held = events_.at(id);
      held.at = &sink;
      consumer->out.insert(id);
      taken.push_back({id, held.body});
    }
    return taken;
  }

  void written(Sink& sink, std::span<const EventId> ids) override {
    delivered_.add(ids.size());
    const SteadyTime now = clock_.steady();
    Consumer* consumer = consumers_.find(&sink);
    if (consumer == nullptr) return;
    if (!consumer->clock.next()) changed_.notify_all();
    for (const EventId id : ids) {
      const auto found = events_.find(id);
      if (found == events_.end() || found->second.at != &sink) continue;
      if (!options_.acks) {
        finish(found);
        continue;
      }
      consumer->clock.written(id, now);
    }
    if (!options_.acks) after_acks();
  }

  bool ack(EventId id) override {
    acked_.add();
    const auto found = events_.find(id);
    if (found == events_.end() || !finish(found)) return false;
    after_acks();
    return true;
  }

  bool refused(Sink& sink, EventId id, std::string_view reason) override {
    const auto found = events_.find(id);
    if (found == events_.end() || found->second.at != &sink) return false;
    if (!count_failure(found->second)) return true;
    give_up(id, found->second, reason);
    return false;
  }

  std::size_t size() const override { return static_cast<std::size_t>(std::max<std::int64_t>(total_, 0)); }

 private:
  struct Held {
    std::string body;
    LaneKey lane;
    Order order;
    bool dying = false;  // about to be set aside; holds back its lane until that is durable
    std::uint32_t attempts = 0;
    Sink* at = nullptr;  // who has it, while it is out
  };
  using Events = std::unordered_map<EventId, Held>;
  struct Dying {
    EventId id;
    std::string reason;
  };

  [[nodiscard]] bool is_full() const {
    return events_.size() >= options_.capacity || bytes_ >= options_.capacity_bytes;
  }
  [[nodiscard]] bool has_memory() const {
    return events_.size() * 4 <= options_.capacity * 3 && bytes_ * 4 <= options_.capacity_bytes * 3;
  }

  [[nodiscard]] bool wants_lane() const { return !to_load_.empty() && has_memory(); }
  [[nodiscard]] bool wants_page() const { return more_on_disk_ && has_memory(); }

  void keep(Event event) {
    loaded_ = event.id;
    const LaneKey lane = event.lane;
    if (stuck_.parked(lane) || (stuck_.is_stuck(lane) && schedule_.waiting(lane) >= options_.lane_capacity)) {
      stuck_.park(lane, {event.id, event.id});
    } else {
      hold(std::move(event));
    }
  }

  void hold(Event event) {
    bytes_ += event.body.size();
    schedule_.add(event.id, event.lane, event.order);
    events_.emplace(event.id, Held{.body = std::move(event.body), .lane = event.lane, .order = event.order});
  }

  /// An event that found no place: it is on disk. While a page is being read it is kept, since it may be the next one
  /// behind that page.
  void hold_for_page(Event event) {
    if (!reading_ || behind_page_.size() >= kPage) {
      gap_ = true;
    } else {
      behind_page_.push_back(std::move(event));
    }
  }

  /// The next page from the journal; false when it could not be read.
  Task<bool> load_page() {
    const EventId announced = announced_;
    reading_ = true;
    gap_ = false;
    behind_page_.clear();
    auto page = co_await journal_.read(loaded_, std::clamp<std::size_t>(options_.capacity - events_.size(), 1, kPage));
    reading_ = false;
    if (!page) {
      kLog.error("failed to read events", {{"error", page.error().message()}});
      co_return false;
    }
    for (Event& event : *page) keep(std::move(event));
    // It reached everything that was there when it was asked for, so what came meanwhile follows without a gap.
    const bool complete = page->empty() || (announced != EventId{} && loaded_ >= announced);
    if (complete && !gap_) take_what_came_meanwhile();
    show_depth();
    wake_sinks();
    co_return true;
  }

  /// More of a lane that was left on disk; false when it could not be read.
  Task<bool> load_lane(LaneKey lane) {
    const StuckLanes::Range parked = *stuck_.parked(lane);
    const std::size_t room = options_.capacity - std::min(options_.capacity, events_.size());
    const std::size_t max = std::clamp<std::size_t>(options_.lane_capacity, 1, std::max<std::size_t>(room, 1));
    auto page = co_await journal_.read_lane(lane, parked.first, parked.last, max);
    if (!page) {
      kLog.error("failed to read events", {{"error", page.error().message()}});
      co_return false;
    }
    to_load_.erase(lane);
    // Another failure of the lane may have sent more of it to disk, which comes first.
    if (stuck_.parked(lane)->first == parked.first) {
      EventId next = page->next;
      for (Event& event : page->events) {
        next = event.id;
        if (is_full()) break;
        hold(std::move(event));
        next = page->next;
      }
      stuck_.loaded(lane, next);
    }
    load_when_low(lane);
    show_depth();
    if (has_room()) room_.notify_all();
    wake_sinks();
    co_return true;
  }

  /// Asks for more of a lane that was left on disk, once little of it waits in memory.
  void load_when_low(LaneKey lane) {
    if (!stuck_.parked(lane) || schedule_.waiting(lane) * 2 > options_.lane_capacity) return;
    to_load_.insert(lane);
    changed_.notify_all();
  }

  void take_what_came_meanwhile() {
    more_on_disk_ = false;
    for (Event& event : behind_page_) {
      if (event.id <= loaded_) continue;
      more_on_disk_ = is_full();
      if (more_on_disk_) break;
      keep(std::move(event));
    }
    behind_page_.clear();
    if (has_room()) room_.notify_all();
  }

  bool finish(Events::iterator found) {
    const EventId id = found->first;
    if (found->second.dying || !schedule_.acked(id)) return false;
    if (Consumer* consumer = consumers_.find(found->second.at)) {
      consumer->clock.acked(id, clock_.steady());
      consumer->out.erase(id);
    }
    drop(found);
    journal_.acked({&id, 1});
    return true;
  }

  void drop(Events::iterator found) {
    const LaneKey lane = found->second.lane;
    if (found->second.attempts > 0) stuck_.gone(lane);
    bytes_ -= found->second.body.size();
    events_.erase(found);
    total_ -= 1;
    load_when_low(lane);
  }

  void after_acks() {
    show_depth();
    if (has_memory()) {
      if (more_on_disk_ || !to_load_.empty()) changed_.notify_all();
      if (has_room()) room_.notify_all();
    }
    wake_sinks();
  }

  void wake_sinks() {
    if (schedule_.has_ready()) consumers_.wake(options_.window);
  }

  /// Back to their lanes with those that are unacked for too long, but for those that had their last attempt.
  void expire() {
    const SteadyTime now = clock_.steady();
    std::vector<EventId> expired;
    for (Consumer& consumer : consumers_.all()) {
      for (const EventId id : consumer.clock.take_due(now, options_.retry_timeout)) {
        Held& held = events_.at(id);
        if (count_failure(held)) {
          give_up(id, held, "not acked");
          continue;
        }
        consumer.out.erase(id);
        held.at = nullptr;
        expired.push_back(id);
      }
    }
    if (expired.empty()) return;
    kLog.info("events are unacked for too long, sending again", {{"count", expired.size()}});
    requeued_.add(expired.size());
    schedule_.returned(expired);
    wake_sinks();
  }

  /// True when that was the last attempt that it is allowed.
  [[nodiscard]] bool count_failure(Held& held) {
    if (++held.attempts == 1) {
      stuck_.failed(held.lane);
      leave_on_disk(held.lane);
    }
    return held.attempts >= options_.max_attempts && options_.max_attempts > 0;
  }

  /// What of a lane that waits is more than it may have in memory.
  void leave_on_disk(LaneKey lane) {
    const std::vector<EventId> ids = schedule_.withdraw(lane, options_.lane_capacity);
    if (ids.empty()) return;
    for (const EventId id : ids) {
      const auto found = events_.find(id);
      bytes_ -= found->second.body.size();
      events_.erase(found);
    }
    stuck_.park(lane, {ids.front(), ids.back()});
    show_depth();
    if (has_memory() && more_on_disk_) changed_.notify_all();
    if (has_room()) room_.notify_all();
  }

  void give_up(EventId id, Held& held, std::string_view reason) {
    if (Consumer* consumer = consumers_.find(held.at)) consumer->forget(id);
    held.at = nullptr;
    held.dying = true;
    dying_.push_back({id, std::string(reason)});
    changed_.notify_all();
  }

  /// Sets aside those whose attempts are over; false when it must be tried again. Until it is durable they hold back
  /// their lanes.
  Task<bool> bury() {
    const std::size_t count = std::min(dying_.size(), kBurials);
    std::vector<DeadLetter> letters;
    for (const Dying& dying : std::span(dying_).first(count)) letters.push_back(letter_of(dying));
    const auto done = co_await journal_.set_aside(std::move(letters));
    if (!done) {
      kLog.error("failed to set events aside", {{"count", count}, {"error", done.error().message()}});
      co_return false;
    }
    for (const Dying& dying : std::span(dying_).first(count)) {
      const auto found = events_.find(dying.id);
      tell(dying, found->second);
      schedule_.acked(dying.id);
      drop(found);
    }
    dying_.erase(dying_.begin(), dying_.begin() + static_cast<std::ptrdiff_t>(count));
    set_aside_.add(count);
    after_acks();
    co_return true;
  }

  static void tell(const Dying& dying, const Held& held) {
    const Subject about = subject_of(held.body);
    kLog.warn("set an event aside that no consumer takes", {{"id", static_cast<std::uint64_t>(dying.id)},
                                                            {"did", about.did},
                                                            {"rev", about.rev},
                                                            {"collection", about.collection},
                                                            {"rkey", about.rkey},
                                                            {"attempts", held.attempts},
                                                            {"reason", dying.reason}});
  }

  [[nodiscard]] DeadLetter letter_of(const Dying& dying) const {
    const Held& held = events_.at(dying.id);
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall());
    return {.event = {dying.id, held.lane, held.order, held.body},
            .did = subject_of(held.body).did,
            .attempts = held.attempts,
            .since = now.time_since_epoch().count(),
            .reason = dying.reason};
  }

  [[nodiscard]] std::chrono::milliseconds until_next_expiry() const {
    const auto from = consumers_.next();
    if (!from) return 1h;
    const auto left = *from + options_.retry_timeout - clock_.steady();
    return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left), 1ms, std::chrono::milliseconds(1h));
  }

  void show_depth() {
    cached_.set(static_cast<std::int64_t>(events_.size()));
    bytes_gauge_.set(static_cast<std::int64_t>(bytes_));
    buffered_.set(total_);
  }

  Journal& journal_;
  const Clock& clock_;
  Options options_;
  Schedule schedule_;
  Events events_;
  std::size_t bytes_ = 0;
  Consumers consumers_;
  std::vector<Dying> dying_;
  StuckLanes stuck_;
  std::set<LaneKey> to_load_;  // lanes of which more is wanted from disk
  async::Event changed_;       // there is something for run() to do
  async::Event room_;
  std::int64_t total_;
  EventId loaded_{};     // every durable event up to here was in memory
  EventId announced_{};  // the last one that committed() told of
  bool more_on_disk_;    // there are, or may be, durable events behind loaded_
  bool reading_ = false;
  std::vector<Event> behind_page_;  // told of while the page is being read, without a gap unless gap_
  bool gap_ = false;
  metrics::Counter& delivered_;
  metrics::Counter& acked_;
  metrics::Counter& requeued_;
  metrics::Counter& set_aside_;
  metrics::Gauge& cached_;
  metrics::Gauge& bytes_gauge_;
  metrics::Gauge& buffered_;
};

}  // namespace

std::unique_ptr<Outbox> make_outbox(Executor loop, Journal& journal, const Clock& clock, metrics::Registry& metrics,
                                    std::size_t undelivered, Options options) {
  return std::make_unique<JournaledOutbox>(loop, journal, clock, metrics, undelivered, options);
}

}  // namespace tap::outbox
