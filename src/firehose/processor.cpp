// SPDX-License-Identifier: MIT
#include "tap/firehose/processor.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"

#include "firehose/discovery.hpp"
#include "firehose/handlers.hpp"

#include <exception>
#include <list>
#include <unordered_map>

namespace tap::firehose {
namespace {

using repos::RepoId;

constexpr log::Logger kLog("firehose");
/// The part of the room that events may take whose key only the host of a did:web has. Each of their lanes may hold
/// three more in the end: the mark, an #identity and an #account.
constexpr std::size_t kShareOfHosts = 8;
/// An #account is four short fields: a larger one is kept without them, and skipped as one that cannot be read.
constexpr std::size_t kLargestAccount = std::size_t{16} << 10;

class LaneProcessor final : public Processor {
 public:
  LaneProcessor(ProcessorParts parts, verify::Filter filter, Interest interest, ProcessorOptions options)
      : parts_(parts),
        options_(options),
        handlers_(parts, std::move(filter), options.directory_patience),
        discovery_(std::move(interest), parts.metrics),
        room_(parts.loop),
        group_(parts.loop, parts.on_failure),
        processed_(parts.metrics.counter("tap_firehose_events_processed_total", "Events whose effects are durable")),
        skipped_(parts.metrics.counter("tap_firehose_events_skipped_total", "Events that ask for nothing")),
        malformed_(parts.metrics.counter("tap_firehose_events_malformed_total", "Frames that could not be read")),
        retried_(parts.metrics.counter("tap_firehose_events_retried_total", "Attempts repeated after local trouble")),
        in_flight_(parts.metrics.queue("lanes", options_.events_in_flight)),
        in_flight_bytes_(parts.metrics.queue("lane_bytes", options_.bytes_in_flight)) {}

  void accept(const atproto::FrameHead& head, ByteView frame) override {
    const auto id = is_for_repos(head.kind) && !head.did.empty() ? parts_.table.find(head.did) : std::nullopt;
    if (!id) {
      if (!discovery_.wants(head) || !discover(head)) pass_over(head);
      return;
    }
    Lane& lane = lanes_[*id];
    const bool of_host = waits_for_host(head.did);
    const bool full = lane.events.size() >= options_.events_per_repo || (of_host && !has_room_for_hosts(frame.size()));
    const bool overflow = full && is_covered_by_fetch(head.kind);
    // The one that marks the repo comes after all that wait, and before nothing that is kept: it stands for the others.
    if (overflow && lane.overflowed) return pass_over(head);
    lane.overflowed = lane.overflowed || overflow;
    if (head.seq > 0) low_water_.begin(head.seq);
    if (full && !overflow) supersede(lane, head.kind);
    enter(lane, head, {.frame_bytes = frame.size(), .overflow = overflow, .of_host = of_host});
    if (lane.events.size() == 1) group_.spawn("lane", follow(*id));
  }

  void refuse(const Error& error) override {
    malformed_.add();
    kLog.warn("skipped a malformed frame", {{"error", error.message()}});
  }

  Task<void> wait_for_room() override {
    while (!has_room()) co_await room_.wait();
  }
  bool has_room() const override {
    return all_.events < options_.events_in_flight && all_.bytes < options_.bytes_in_flight;
  }
  const LowWater& low_water() const override { return low_water_; }
  Task<void> start_at(std::int64_t cursor) override {
    while (low_water_.unfinished() > 0) co_await room_.wait();
    low_water_ = LowWater(cursor);
  }

  Task<void> drain() override {
    while (all_.events > 0) co_await room_.wait();
  }

  Task<void> stop() override {
    group_.cancel();
    try {
      co_await group_.join();
    } catch (const std::exception& error) {  // reported when it happened; the rest is given up as well
      kLog.warn("stopped behind a failure", {{"error", error.what()}});
    }
  }

 private:
  struct Waiting {
    RoutedEvent event = {};
    std::size_t frame_bytes = 0;
    bool overflow = false;
    bool of_host = false;
  };
  /// What some of the events take.
  struct Load {
    std::size_t events = 0;
    std::size_t bytes = 0;
    void add(std::size_t frame_bytes) {
      events += 1;
      bytes += frame_bytes;
    }
    void remove(std::size_t frame_bytes) {
      events -= 1;
      bytes -= frame_bytes;
    }
  };
  /// The events of one repo that are in flight; there is a coroutine for it as long as there are any.
  struct Lane {
    std::list<Waiting> events;  // the first is being worked on, or in line for its DID's turn
    bool overflowed = false;
  };

  static bool is_for_repos(atproto::EventKind kind) {
    return is_covered_by_fetch(kind) || kind == atproto::EventKind::identity || kind == atproto::EventKind::account;
  }
  /// When the repo is fetched later, nothing of the event is missed.
  static bool is_covered_by_fetch(atproto::EventKind kind) {
    return kind == atproto::EventKind::commit || kind == atproto::EventKind::sync;
  }

  /// Its key is to be had from a host that is anybody's, and may hang; or an event before it waits for that host, with
  /// which the cached key did not agree.
  bool waits_for_host(std::string_view text) const {
    if (!text.starts_with("did:web:")) return false;
    const auto did = atproto::Did::parse(text);
    return did && (parts_.directory.cached(*did) == nullptr || parts_.directory.is_asking(*did));
  }
  /// Else such hosts could have the relay wait, and everybody with it.
  bool has_room_for_hosts(std::size_t frame_bytes) const {
    return of_hosts_.events < options_.events_in_flight / kShareOfHosts &&
           of_hosts_.bytes + frame_bytes <= options_.bytes_in_flight / kShareOfHosts;
  }

  void enter(Lane& lane, const atproto::FrameHead& head, Waiting waiting) {
    waiting.event = {head.kind, head.seq, std::string(head.did), {}};
    const bool is_huge = head.kind == atproto::EventKind::account && waiting.frame_bytes > kLargestAccount;
    if (waiting.overflow || is_huge || head.kind == atproto::EventKind::identity) {
      waiting.frame_bytes = 0;  // that it came is all that matters
    } else {
      // The body moves with the work; its views are made anew from it.
      waiting.event.body.assign(head.body.begin(), head.body.end());
    }
    all_.add(waiting.frame_bytes);
    if (waiting.of_host) of_hosts_.add(waiting.frame_bytes);
    lane.events.push_back(std::move(waiting));
    show_depth();
  }

  /// Of the #identity and #account events of a full lane the last of each will do. The first event is in work.
  void supersede(Lane& lane, atproto::EventKind kind) {
    auto waiting = lane.events.end();
    while (waiting != lane.events.begin() && --waiting != lane.events.begin()) {
      if (waiting->event.kind != kind) continue;
      skipped_.add();
      end(waiting->event.seq);
      return remove(lane, waiting);
    }
  }

  void pass_over(const atproto::FrameHead& head) {
    skipped_.add();
    if (head.seq > 0) low_water_.pass(head.seq);
  }

  /// False when nothing comes of it. It takes none of the room of tracked events, and they do not wait for it; but the
  /// cursor does.
  bool discover(const atproto::FrameHead& head) {
    auto entry = discovery_.enter(head.did, head.body.size());
    if (!entry) return false;
    if (head.seq > 0) low_water_.begin(head.seq);
    Bytes body(head.body.begin(), head.body.end());
    group_.spawn("discovery", meet({head.kind, head.seq, std::string(head.did), std::move(body)}, std::move(*entry)));
    return true;
  }

  /// Follows the repo if the event is authentic (8.4 item 23). What it says is not applied: the repo is fetched.
  Task<void> meet(RoutedEvent event, [[maybe_unused]] Discovery::Entry entry) {
    if (auto vouched = co_await vouch(event); !vouched) {
      discovery_.refused();
      kLog.debug("did not follow a repo", {{"did", event.did}, {"error", vouched.error().message()}});
    } else {
      co_await track(event);
      discovery_.found();
    }
    end(event.seq);
  }

  /// A directory that does not answer says nothing about the repo: this may be its only event for long.
  Task<Result<void>> vouch(const RoutedEvent& event) {
    for (Patience patience(*this, event);;) {
      auto vouched = co_await handlers_.vouch(event);
      if (vouched || !handlers_.worth_waiting(event, patience.attempt(), vouched.error())) co_return vouched;
      co_await patience.pause(vouched.error());
    }
  }

  /// What it asks for is durable.
  void end(std::int64_t seq) {
    low_water_.done(seq);
    if (low_water_.unfinished() == 0) room_.notify_all();
  }

  Task<void> track(const RoutedEvent& event) {
    const auto did = atproto::Did::parse(event.did).value();  // it is vouched for
    for (Patience patience(*this, event);;) {
      auto tracked = co_await parts_.ledger.track({did});
      if (tracked) break;
      co_await patience.pause(tracked.error());
    }
    // From here on it is an event like others: what is fetched must not be older.
    auto ticket = parts_.ledger.turn_of(event.did);
    co_await ticket.turn();
    co_await perform(event, false);
  }

  /// One event after the other, each in a turn of its own: others of the DID come between.
  Task<void> follow(RepoId id) {
    const Ending ending(*this, id);
    Lane& lane = lanes_.find(id)->second;
    while (!lane.events.empty()) {
      const Waiting& first = lane.events.front();
      auto ticket = parts_.ledger.turn_of(first.event.did);
      co_await ticket.turn();
      co_await perform(first.event, first.overflow);
      end(first.event.seq);
      remove(lane, lane.events.begin());
    }
  }

  /// What it asks for, in its DID's turn, however often that takes.
  Task<void> perform(const RoutedEvent& event, bool overflow) {
    for (Patience patience(*this, event);;) {
      auto done =
          overflow ? co_await handlers_.on_overflow(event) : co_await handlers_.handle(event, patience.attempt());
      if (done) {
        (*done == Effect::none ? skipped_ : processed_).add();
        co_return;
      }
      co_await patience.pause(done.error());
    }
  }

  /// The attempts at one thing that an event asks for.
  class Patience {
   public:
    Patience(LaneProcessor& owner, const RoutedEvent& event)
        : owner_(&owner), event_(&event), began_(owner.parts_.clock.steady()) {}
    Attempt attempt() const {
      return {number_, std::chrono::floor<std::chrono::milliseconds>(owner_->parts_.clock.steady() - began_)};
    }
    /// After one that failed.
    Task<void> pause(Error why) {
      owner_->retried_.add();
      if (number_ == 0) {  // thousands may wait for the same thing: once is enough
        kLog.warn("will retry an event", {{"did", event_->did}, {"seq", event_->seq}, {"error", why.message()}});
      }
      const auto pause = backoff(number_++, 100, owner_->options_.retry_unit);
      co_await async::sleep_for(pause + owner_->parts_.jitter.below(pause));
    }

   private:
    LaneProcessor* owner_;
    const RoutedEvent* event_;
    SteadyTime began_;
    unsigned number_ = 0;
  };

  /// However a lane's work ends, nothing of it is in flight any more.
  class Ending {
   public:
    Ending(LaneProcessor& owner, RepoId id) : owner_(&owner), id_(id) {}
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;
    ~Ending() {
      const auto lane = owner_->lanes_.find(id_);
      auto& events = lane->second.events;
      while (!events.empty()) owner_->remove(lane->second, events.begin());
      owner_->lanes_.erase(lane);
    }

   private:
    LaneProcessor* owner_;
    RepoId id_;
  };

  void remove(Lane& lane, std::list<Waiting>::iterator event) {
    if (event->overflow) lane.overflowed = false;
    all_.remove(event->frame_bytes);
    if (event->of_host) of_hosts_.remove(event->frame_bytes);
    lane.events.erase(event);
    show_depth();
    if (has_room() || all_.events == 0) room_.notify_all();
  }

  void show_depth() {
    in_flight_.set(static_cast<std::int64_t>(all_.events));
    in_flight_bytes_.set(static_cast<std::int64_t>(all_.bytes));
  }

  ProcessorParts parts_;
  ProcessorOptions options_;
  Handlers handlers_;
  Discovery discovery_;
  LowWater low_water_;
  std::unordered_map<RepoId, Lane> lanes_;
  Load all_;
  Load of_hosts_;
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

std::unique_ptr<Processor> make_processor(ProcessorParts parts, verify::Filter filter, Interest interest,
                                          ProcessorOptions options) {
  return std::make_unique<LaneProcessor>(std::move(parts), std::move(filter), std::move(interest), options);
}

}  // namespace tap::firehose
