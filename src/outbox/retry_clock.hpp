// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/outbox/event.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace tap::outbox {

/// Tells which of the events that one consumer has are unacked for too long. Pure.
///
/// A consumer may have more than it can work through in the time of one: what it has not come to yet gets its time
/// from the last ack on. What it passed over, since something written later was acked, gets its time from then on,
/// whatever else is acked: so it comes due, and nothing waits for ever.
class RetryClock {
 public:
  void written(EventId id, SteadyTime now);
  void acked(EventId id, SteadyTime now);
  /// Not with the consumer any more, and not acked.
  void forget(EventId id) { places_.erase(id); }
  /// Those that are due, forgotten thereby.
  [[nodiscard]] std::vector<EventId> take_due(SteadyTime now, std::chrono::milliseconds timeout);
  /// From when the time of the next one counts; it may have been acked meanwhile.
  [[nodiscard]] std::optional<SteadyTime> next() const;

 private:
  struct Entry {
    EventId id;
    std::uint64_t place;
    SteadyTime from;
  };
  [[nodiscard]] bool is_there(const Entry& entry) const;

  std::unordered_map<EventId, std::uint64_t> places_;  // of what is there, in the order of writing
  std::uint64_t next_place_ = 0;
  std::deque<Entry> ahead_;   // written later than anything that was acked
  std::deque<Entry> passed_;  // in the order in which they were passed over
  SteadyTime progress_{};     // the last ack
};

}  // namespace tap::outbox
