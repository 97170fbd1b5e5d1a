// SPDX-License-Identifier: MIT
#include "outbox/stuck_lanes.hpp"

#include <algorithm>

namespace tap::outbox {

void StuckLanes::gone(LaneKey lane) {
  --lanes_.at(lane).failed;
  settle(lane);
}

void StuckLanes::park(LaneKey lane, Range range) {
  std::optional<Range>& parked = lanes_[lane].parked;
  parked = parked ? Range{std::min(parked->first, range.first), std::max(parked->last, range.last)} : range;
}

std::optional<StuckLanes::Range> StuckLanes::parked(LaneKey lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? std::nullopt : found->second.parked;
}

void StuckLanes::loaded(LaneKey lane, EventId next) {
  std::optional<Range>& parked = lanes_.at(lane).parked;
  if (next > parked->last) {
    parked.reset();
    settle(lane);
  } else {
    parked->first = next;
  }
}

void StuckLanes::settle(LaneKey lane) {
  const auto found = lanes_.find(lane);
  if (found->second.failed == 0 && !found->second.parked) lanes_.erase(found);
}

}  // namespace tap::outbox
