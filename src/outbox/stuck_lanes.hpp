// SPDX-License-Identifier: MIT
#pragma once

#include "tap/outbox/event.hpp"

#include <cstddef>
#include <optional>
#include <unordered_map>

namespace tap::outbox {

/// Lanes that do not get on, because an event of theirs has failed, and what of them is left on disk: always the end of
/// the lane, so that its order holds. Pure.
class StuckLanes {
 public:
  struct Range {
    EventId first, last;
  };

  /// An event of the lane has failed for the first time, or one that had has left memory.
  void failed(LaneKey lane) { ++lanes_[lane].failed; }
  void gone(LaneKey lane);
  [[nodiscard]] bool is_stuck(LaneKey lane) const { return lanes_.contains(lane); }

  /// These are on disk only, and so is whatever of the lane comes after them.
  void park(LaneKey lane, Range range);
  [[nodiscard]] std::optional<Range> parked(LaneKey lane) const;
  /// What is before `next` is in memory again.
  void loaded(LaneKey lane, EventId next);

 private:
  struct Lane {
    std::size_t failed = 0;
    std::optional<Range> parked;
  };
  void settle(LaneKey lane);

  std::unordered_map<LaneKey, Lane> lanes_;  // only those that are stuck, or parked still
};

}  // namespace tap::outbox
