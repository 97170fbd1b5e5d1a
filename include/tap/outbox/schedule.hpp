// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/outbox/event.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace tap::outbox {

/// Decides which events may be sent now. Pure: no I/O and no clock of its own. Owned by the loop; not thread-safe.
///
/// Within a lane, in the order of add() (protocol 11.5):
///   - historical events may be in flight together;
///   - a barrier waits until nothing of its lane is in flight, goes out alone, and holds back everything behind it
///   until it is acked.
/// Between lanes there is no order. Every call is O(1) but take_ready() and returned(), which are O(events) moved.
/// A lane without events takes no memory.
class Schedule {
 public:
  Schedule();
  ~Schedule();

  /// Appends an event to its lane. Ids of a lane grow from call to call.
  void add(EventId id, LaneKey key, Order order);
  /// At most `max` events that may go out, lanes in turn. They are out until acked() or returned().
  [[nodiscard]] std::vector<EventId> take_ready(std::size_t max);
  [[nodiscard]] bool has_ready() const;
  /// The consumer has it. True when the id was known; unknown and repeated ids are harmless (clients repeat acks after
  /// a reconnect). An event that is not out (acked early, or returned meanwhile) is done with just the same only when
  /// it was out once before.
  bool acked(EventId id);
  /// Was not delivered: back to the head of its lane, in id order.
  void returned(std::span<const EventId> ids);
  /// Forgets the last of a lane, as long as more than `keep` of it wait and it was never out; gives them in id order.
  [[nodiscard]] std::vector<EventId> withdraw(LaneKey key, std::size_t keep);
  [[nodiscard]] std::size_t waiting(LaneKey key) const;
  /// Lanes that take memory.
  [[nodiscard]] std::size_t lanes() const;
  /// Waiting and out together.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t out() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tap::outbox
