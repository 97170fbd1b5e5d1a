// SPDX-License-Identifier: MIT
#pragma once

#include "tap/outbox/outbox.hpp"
#include "tap/outbox/schedule.hpp"

#include "outbox/stuck_lanes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace tap::outbox {

/// The events in memory: what they say, which of them may go out, and what room they take. Of a lane that is stuck the
/// end is left on disk, and read when the lane gets on. Pure.
class Memory {
 public:
  struct Held {
    std::string body;
    LaneKey lane;
    Order order;
    bool dying = false;  ///< about to be set aside; holds back its lane until that is durable
    std::uint32_t attempts = 0;
    Sink* at = nullptr;  ///< who has it, while it is out
  };

  explicit Memory(const Options& options)
      : capacity_(options.capacity), capacity_bytes_(options.capacity_bytes), lane_capacity_(options.lane_capacity) {}

  [[nodiscard]] std::size_t size() const { return events_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool is_full() const { return events_.size() >= capacity_ || bytes_ >= capacity_bytes_; }
  /// At most three quarters are taken.
  [[nodiscard]] bool has_room() const {
    return events_.size() * 4 <= capacity_ * 3 && bytes_ * 4 <= capacity_bytes_ * 3;
  }
  /// So many events more, at least one.
  [[nodiscard]] std::size_t room() const;

  [[nodiscard]] Schedule& schedule() { return schedule_; }
  [[nodiscard]] Held* find(EventId id);
  [[nodiscard]] Held& at(EventId id) { return events_.at(id); }

  /// The event behind all that was kept before. It is left on disk when its lane is stuck and has its share.
  void keep(Event event);
  /// It is done with, and the schedule knows.
  void drop(EventId id);
  /// An attempt at it was in vain. At the first one, what waits behind it leaves memory but for its lane's share.
  void failed(Held& held);

  /// A lane of which more is wanted from disk.
  [[nodiscard]] std::optional<LaneKey> lane_to_read() const;
  /// What to read of it, and how many events at most.
  [[nodiscard]] StuckLanes::Range range_of(LaneKey lane) const { return stuck_.parked(lane).value(); }
  [[nodiscard]] std::size_t room_for_lane() const;
  /// What came of reading that.
  void take_back(LaneKey lane, StuckLanes::Range asked, LanePage page);

 private:
  void hold(Event event);
  void leave_on_disk(LaneKey lane);
  void read_when_low(LaneKey lane);

  std::size_t capacity_, capacity_bytes_, lane_capacity_;
  Schedule schedule_;
  std::unordered_map<EventId, Held> events_;
  std::size_t bytes_ = 0;
  StuckLanes stuck_;
  std::set<LaneKey> to_read_;
};

}  // namespace tap::outbox
