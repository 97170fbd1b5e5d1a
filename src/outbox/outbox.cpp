// SPDX-License-Identifier: MIT
#include "tap/outbox/outbox.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"

#include "outbox/backlog.hpp"
#include "outbox/consumers.hpp"
#include "outbox/memory.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace tap::outbox {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("outbox");
constexpr std::size_t kBurials = 100;  // of one transaction

class JournaledOutbox final : public Outbox {
 public:
  JournaledOutbox(Executor loop, Journal& journal, const Clock& clock, metrics::Registry& metrics,
                  std::size_t undelivered, Options options)
      : journal_(journal),
        clock_(clock),
        options_(options),
        memory_(options),
        backlog_(journal, memory_, undelivered > 0),
        changed_(loop),
        room_(std::move(loop)),
        total_(static_cast<std::int64_t>(undelivered)),
        delivered_(metrics.counter("tap_events_delivered_total", "Events written to consumers, repeats included")),
        acked_(metrics.counter("tap_events_acked_total", "Acks received, repeats included")),
        requeued_(metrics.counter("tap_events_requeued_total", "Events that went back to their lane unacked")),
        set_aside_(metrics.counter("tap_events_set_aside_total", "Events that became dead letters")),
        cached_(metrics.gauge("tap_event_cache_size", "Events in memory")),
        bytes_gauge_(metrics.gauge("tap_event_cache_bytes", "Bytes of the events in memory")),
        depth_(metrics.queue("outbox", options.capacity)),
        under_way_(metrics.queue("consumers", options.window)),
        buffered_(metrics.gauge("tap_outbox_events", "Durable events not acked")) {
    show_depth();
  }

  void committed(std::vector<Event> events) override {
    total_ += static_cast<std::int64_t>(events.size());
    backlog_.committed(std::move(events));
    show_depth();
    wake_sinks();
    if (backlog_.any()) changed_.notify_all();
  }

  Task<void> run() override {
    for (;;) {
      // Each in turn: there may be pages to read as long as consumers keep up, and trouble with one is not the others'.
      expire();
      bool done = true;
      if (!dying_.empty()) done &= co_await bury();
      if (backlog_.wants_lane()) done &= co_await backlog_.read_lane();
      if (backlog_.wants_page()) done &= co_await backlog_.read_page();
      after_change();
      if (!done) {
        co_await async::sleep_for(1s);
      } else if (!has_work()) {
        co_await changed_.wait_for(until_next_expiry());
      }
    }
  }

  Task<void> wait_for_room() override {
    while (!has_room()) co_await room_.wait();
  }
  bool has_room() const override { return !backlog_.any() && memory_.has_room(); }

  void attach(Sink& sink) override {
    consumers_.add(sink);
    sink.wake();
  }

  void detach(Sink& sink) override {
    const auto removed = consumers_.remove(sink);
    if (!removed) return;
    const std::vector<EventId> out(removed->out.begin(), removed->out.end());
    for (const EventId id : out) memory_.at(id).at = nullptr;
    requeued_.add(out.size());
    memory_.schedule().returned(out);
    show_depth();
    wake_sinks();
  }

  std::vector<Outgoing> take(Sink& sink, std::size_t max) override {
    Consumer* consumer = consumers_.find(&sink);
    if (consumer == nullptr) return {};
    const std::size_t out = consumer->out.size();
    const std::size_t window = options_.window > out ? options_.window - out : 0;
    std::vector<Outgoing> taken;
    for (const EventId id : memory_.schedule().take_ready(std::min(max, window))) {
      Memory::Held& held = memory_.at(id);
      held.at = &sink;
      consumer->out.insert(id);
      taken.push_back({id, held.body});
    }
    show_depth();
    return taken;
  }

  void written(Sink& sink, std::span<const EventId> ids) override {
    delivered_.add(ids.size());
    const SteadyTime now = clock_.steady();
    Consumer* consumer = consumers_.find(&sink);
    if (consumer == nullptr) return;
    if (!consumer->clock.next()) changed_.notify_all();
    for (const EventId id : ids) {
      Memory::Held* held = memory_.find(id);
      if (held == nullptr || held->at != &sink) continue;
      if (!options_.acks) {
        finish(id, *held);
        continue;
      }
      consumer->clock.written(id, now);
    }
    if (!options_.acks) after_change();
  }

  bool ack(EventId id) override {
    acked_.add();
    Memory::Held* held = memory_.find(id);
    if (held == nullptr || !finish(id, *held)) return false;
    after_change();
    return true;
  }

  bool refused(Sink& sink, EventId id, Refusal refusal, std::string_view reason) override {
    Memory::Held* held = memory_.find(id);
    if (held == nullptr || held->at != &sink) return false;
    const bool last = count_failure(*held) || refusal == Refusal::for_good;
    if (last) give_up(id, *held, reason);
    after_change();
    return !last;
  }

  std::size_t size() const override { return static_cast<std::size_t>(std::max<std::int64_t>(total_, 0)); }

 private:
  struct Dying {
    EventId id;
    std::string reason;
  };

  /// There is something for run() to do at once.
  [[nodiscard]] bool has_work() const { return !dying_.empty() || backlog_.wants_lane() || backlog_.wants_page(); }

  bool finish(EventId id, const Memory::Held& held) {
    if (held.dying || !memory_.schedule().acked(id)) return false;
    if (Consumer* consumer = consumers_.find(held.at)) {
      consumer->clock.acked(id, clock_.steady());
      consumer->out.erase(id);
    }
    drop(id);
    journal_.acked({&id, 1});
    return true;
  }

  void drop(EventId id) {
    memory_.drop(id);
    total_ -= 1;
  }

  /// Something came into memory, or left it, or may go out.
  void after_change() {
    show_depth();
    if (has_work()) changed_.notify_all();
    if (has_room()) room_.notify_all();
    wake_sinks();
  }

  void wake_sinks() {
    if (memory_.schedule().has_ready()) consumers_.wake(options_.window);
  }

  /// Back to their lanes with those that are unacked for too long, but for those that had their last attempt.
  void expire() {
    const SteadyTime now = clock_.steady();
    std::vector<EventId> expired;
    for (Consumer& consumer : consumers_.all()) {
      for (const EventId id : consumer.clock.take_due(now, options_.retry_timeout)) {
        Memory::Held& held = memory_.at(id);
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
    memory_.schedule().returned(expired);
    wake_sinks();
  }

  /// True when that was the last attempt that it is allowed.
  [[nodiscard]] bool count_failure(Memory::Held& held) {
    memory_.failed(held);
    return held.attempts >= options_.max_attempts && options_.max_attempts > 0;
  }

  void give_up(EventId id, Memory::Held& held, std::string_view reason) {
    if (Consumer* consumer = consumers_.find(held.at)) consumer->forget(id);
    held.at = nullptr;
    held.dying = true;
    dying_.push_back({id, std::string(reason)});
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
      tell(dying, memory_.at(dying.id));
      memory_.schedule().acked(dying.id);
      drop(dying.id);
    }
    dying_.erase(dying_.begin(), dying_.begin() + static_cast<std::ptrdiff_t>(count));
    set_aside_.add(count);
    co_return true;
  }

  static void tell(const Dying& dying, const Memory::Held& held) {
    const Subject about = subject_of(held.body);
    kLog.warn("set an event aside that no consumer takes", {{"id", static_cast<std::uint64_t>(dying.id)},
                                                            {"did", about.did},
                                                            {"rev", about.rev},
                                                            {"collection", about.collection},
                                                            {"rkey", about.rkey},
                                                            {"attempts", held.attempts},
                                                            {"reason", dying.reason}});
  }

  [[nodiscard]] DeadLetter letter_of(const Dying& dying) {
    const Memory::Held& held = memory_.at(dying.id);
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
    cached_.set(static_cast<std::int64_t>(memory_.size()));
    depth_.set(static_cast<std::int64_t>(memory_.size()));
    under_way_.set(static_cast<std::int64_t>(consumers_.under_way()));
    bytes_gauge_.set(static_cast<std::int64_t>(memory_.bytes()));
    buffered_.set(total_);
  }

  Journal& journal_;
  const Clock& clock_;
  Options options_;
  Memory memory_;
  Backlog backlog_;
  Consumers consumers_;
  std::vector<Dying> dying_;
  async::Event changed_;  // there is something for run() to do
  async::Event room_;
  std::int64_t total_;
  metrics::Counter& delivered_;
  metrics::Counter& acked_;
  metrics::Counter& requeued_;
  metrics::Counter& set_aside_;
  metrics::Gauge& cached_;
  metrics::Gauge& bytes_gauge_;
  metrics::Gauge& depth_;
  metrics::Gauge& under_way_;
  metrics::Gauge& buffered_;
};

}  // namespace

std::unique_ptr<Outbox> make_outbox(Executor loop, Journal& journal, const Clock& clock, metrics::Registry& metrics,
                                    std::size_t undelivered, Options options) {
  return std::make_unique<JournaledOutbox>(std::move(loop), journal, clock, metrics, undelivered, options);
}

}  // namespace tap::outbox
