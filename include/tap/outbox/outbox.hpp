// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"
#include "tap/outbox/event.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tap::outbox {

/// What the outbox needs of storage; the store implements it.
class Journal {
 public:
  virtual ~Journal() = default;
  /// Durable events that are not acked, with id > after, in id order, at most max; fewer when they are large. An empty
  /// page is the end.
  [[nodiscard]] virtual Task<Result<std::vector<Event>>> read(EventId after, std::size_t max) = 0;
  /// Events of one lane with first <= id <= last, at most max.
  [[nodiscard]] virtual Task<Result<LanePage>> read_lane(LaneKey lane, EventId first, EventId last,
                                                         std::size_t max) = 0;
  /// These are done with: their deletion is queued and joins the next transaction.
  virtual void acked(std::span<const EventId> ids) = 0;
  /// Moves these to the dead letters; resumes when that is durable.
  [[nodiscard]] virtual Task<Result<void>> set_aside(std::vector<DeadLetter> letters) = 0;
};

/// What the outbox accepts; the store calls it on the loop thread, after the commit, in id order.
class Inbox {
 public:
  virtual ~Inbox() = default;
  virtual void committed(std::vector<Event> events) = 0;
};

/// A consumer's end. It pulls: when it can write, it takes.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Something may be ready to take. It may call the outbox, but attach and detach no sink.
  virtual void wake() = 0;
};

enum class Refusal : std::uint8_t {
  for_now,   ///< an attempt, of which there may be many
  for_good,  ///< the consumer will never have it: set aside, whatever the number of attempts
};

struct Options {
  std::size_t capacity = 100'000;                       ///< events in memory; the rest waits on disk
  std::size_t capacity_bytes = std::size_t{256} << 20;  ///< their bodies together
  std::size_t lane_capacity = 1'000;                    ///< of a lane that waits for an event that failed
  std::size_t window = 10'000;                          ///< events out per consumer
  std::chrono::milliseconds retry_timeout{60'000};
  std::uint32_t max_attempts = 0;  ///< then an event is set aside as a dead letter; 0: never
  bool acks = true;                ///< false: written is acked (fire and forget)
};

/// Holds the events that wait for a consumer, in memory up to its capacity and behind that on disk, and hands them out
/// as Schedule allows. Loop thread only.
class Outbox : public Inbox {
 public:
  /// One event to write. To be copied at once: any consumer may ack it at any time, and then the body is gone.
  struct Outgoing {
    EventId id;
    std::string_view body;
  };

  /// Reads the first page from the journal, then refills from it whenever there is room, and runs the retry clock. Ends
  /// when cancelled.
  [[nodiscard]] virtual Task<void> run() = 0;
  /// Waits until nothing is on disk only, and memory has room (at most three quarters full): back pressure for resync
  /// and the firehose. Consumers make room; as long as none is there, it takes as long.
  [[nodiscard]] virtual Task<void> wait_for_room() = 0;
  [[nodiscard]] virtual bool has_room() const = 0;

  virtual void attach(Sink& sink) = 0;
  /// Everything out at the sink and not acked goes back to the head of its lane at once.
  virtual void detach(Sink& sink) = 0;
  /// Events for this sink to write now, at most max and within its window.
  [[nodiscard]] virtual std::vector<Outgoing> take(Sink& sink, std::size_t max) = 0;
  /// The bytes of these are with the kernel: in flight, the retry clock runs from here.
  virtual void written(Sink& sink, std::span<const EventId> ids) = 0;
  /// From any consumer, in any order, any number of times. False when unknown, never sent, or set aside.
  virtual bool ack(EventId id) = 0;
  /// The sink tried to deliver what it took, and its consumer will not have it. True: it stays out at the sink, which
  /// tries again when it likes. False: it is not the sink's any more, because that was the last attempt (max_attempts),
  /// because it is refused for good, or because the event is gone.
  virtual bool refused(Sink& sink, EventId id, Refusal refusal, std::string_view reason) = 0;

  /// Durable events not acked: memory and disk.
  [[nodiscard]] virtual std::size_t size() const = 0;
};

/// `undelivered`: how many durable events the store holds at start.
[[nodiscard]] std::unique_ptr<Outbox> make_outbox(Executor loop, Journal& journal, const Clock& clock,
                                                  metrics::Registry& metrics, std::size_t undelivered, Options options);

}  // namespace tap::outbox
