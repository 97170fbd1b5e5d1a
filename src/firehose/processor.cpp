// SPDX-License-Identifier: MIT
#include "tap/firehose/processor.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"

#include "firehose/handlers.hpp"

namespace tap::firehose {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("firehose");

/// After so many vain attempts at an event, its repo is marked instead: it is fetched again later, and the cursor may
/// go on.
constexpr unsigned kAttempts = 8;

class LaneProcessor final : public Processor {
 public:
  LaneProcessor(ProcessorParts parts, verify::Filter filter, ProcessorOptions options)
      : parts_(parts),
        options_(options),
        handlers_(parts, std::move(filter)),
        room_(parts.loop),
        group_(parts.loop,
               [](std::string_view name, std::exception_ptr) {
                 kLog.error("an event's work ended with an exception", {{"task", name}});
               }),
        processed_(parts.metrics.counter("tap_firehose_events_processed_total", "Events whose effects are durable")),
        skipped_(parts.metrics.counter("tap_firehose_events_skipped_total", "Events that ask for nothing")),
        malformed_(parts.metrics.counter("tap_firehose_events_malformed_total", "Frames that could not be read")),
        retried_(parts.metrics.counter("tap_firehose_events_retried_total", "Attempts repeated after local trouble")),
        in_flight_(parts.metrics.gauge("tap_firehose_events_in_flight", "Tracked events being worked on")),
        in_flight_bytes_(parts.metrics.gauge("tap_firehose_bytes_in_flight", "Bytes of their frames")) {
    parts.metrics.gauge("tap_firehose_events_in_flight_capacity", "Tracked events worked on at most")
        .set(static_cast<std::int64_t>(options_.events_in_flight));
  }

  void accept(const atproto::FrameHead& head, ByteView frame) override {
    if (head.did.empty() || !parts_.table.find(head.did)) {
      skipped_.add();
      if (head.seq > 0) low_water_.pass(head.seq);
      return;
    }
    if (head.seq > 0) low_water_.begin(head.seq);
    // The body moves with the work; its views are made anew from it.
    Bytes body(head.body.begin(), head.body.end());
    events_ += 1;
    bytes_ += frame.size();
    show_depth();
    group_.spawn("event", process({head.kind, head.seq, std::string(head.did), std::move(body)}, frame.size(),
                                  parts_.ledger.turn_of(head.did)));
  }

  void refuse(const Error& error) override {
    malformed_.add();
    kLog.warn("skipped a malformed frame", {{"error", error.message()}});
  }

  Task<void> wait_for_room() override {
    while (!has_room()) co_await room_.wait();
  }
  bool has_room() const override { return events_ < options_.events_in_flight && bytes_ < options_.bytes_in_flight; }
  const LowWater& low_water() const override { return low_water_; }
  void start_at(std::int64_t cursor) override { low_water_ = LowWater(cursor); }

  Task<void> drain() override {
    while (events_ > 0) co_await room_.wait();
  }

  Task<void> stop() override {
    group_.cancel();
    co_await group_.join();
  }

 private:
  Task<void> process(RoutedEvent event, std::size_t frame_bytes, async::Turns::Ticket ticket) {
    Departure departure(*this, frame_bytes);
    co_await ticket.turn();
    for (unsigned attempt = 0;; ++attempt) {
      auto done = co_await handlers_.handle(event, attempt >= kAttempts);
      if (done) {
        (*done == Effect::none ? skipped_ : processed_).add();
        break;
      }
      retried_.add();
      kLog.warn("will retry an event",
                {{"did", event.did}, {"seq", event.seq}, {"retries", attempt}, {"error", done.error().message()}});
      co_await async::sleep_for(backoff(attempt, 100, 100ms) + parts_.jitter.below(100ms));
    }
    low_water_.done(event.seq);
  }

  /// Gives the event's place back however its work ends.
  class Departure {
   public:
    Departure(LaneProcessor& owner, std::size_t frame_bytes) : owner_(&owner), frame_bytes_(frame_bytes) {}
    Departure(const Departure&) = delete;
    Departure& operator=(const Departure&) = delete;
    ~Departure() {
      owner_->events_ -= 1;
      owner_->bytes_ -= frame_bytes_;
      owner_->show_depth();
      if (owner_->has_room() || owner_->events_ == 0) owner_->room_.notify_all();
    }

   private:
    LaneProcessor* owner_;
    std::size_t frame_bytes_;
  };

  void show_depth() {
    in_flight_.set(static_cast<std::int64_t>(events_));
    in_flight_bytes_.set(static_cast<std::int64_t>(bytes_));
  }

  ProcessorParts parts_;
  ProcessorOptions options_;
  Handlers handlers_;
  LowWater low_water_;
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
  async::Event room_;
  async::TaskGroup group_;
  metrics::Counter& processed_;
  metrics::Counter& skipped_;
  metrics::Counter& malformed_;
  metrics::Counter& retried_;
  metrics::Gauge& in_flight_;
  metrics::Gauge& in_flight_bytes_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(ProcessorParts parts, verify::Filter filter, ProcessorOptions options) {
  return std::make_unique<LaneProcessor>(parts, std::move(filter), options);
}

}  // namespace tap::firehose
