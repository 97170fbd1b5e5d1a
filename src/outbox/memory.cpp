// SPDX-License-Identifier: MIT
#include "outbox/memory.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tap::outbox {

std::size_t Memory::room() const {
  const std::size_t left = capacity_ - std::min(capacity_, events_.size());
  return std::max<std::size_t>(left, 1);
}

Memory::Held* Memory::find(EventId id) {
  const auto found = events_.find(id);
  return found == events_.end() ? nullptr : &found->second;
}

void Memory::keep(Event event) {
  const LaneKey lane = event.lane;
  if (stuck_.parked(lane) || (stuck_.is_stuck(lane) && schedule_.waiting(lane) >= lane_capacity_)) {
    stuck_.park(lane, {event.id, event.id});
  } else {
    hold(std::move(event));
  }
}

void Memory::hold(Event event) {
  bytes_ += event.body.size();
  schedule_.add(event.id, event.lane, event.order);
  events_.emplace(event.id, Held{.body = std::move(event.body), .lane = event.lane, .order = event.order});
}

void Memory::drop(EventId id) {
  const auto found = events_.find(id);
  const LaneKey lane = found->second.lane;
  if (found->second.attempts > 0) stuck_.gone(lane);
  bytes_ -= found->second.body.size();
  events_.erase(found);
  read_when_low(lane);
}

void Memory::failed(Held& held) {
  if (++held.attempts > 1) return;
  stuck_.failed(held.lane);
  leave_on_disk(held.lane);
}

void Memory::leave_on_disk(LaneKey lane) {
  const std::vector<EventId> ids = schedule_.withdraw(lane, lane_capacity_);
  if (ids.empty()) return;
  for (const EventId id : ids) {
    const auto found = events_.find(id);
    bytes_ -= found->second.body.size();
    events_.erase(found);
  }
  stuck_.park(lane, {ids.front(), ids.back()});
}

std::optional<LaneKey> Memory::lane_to_read() const {
  if (to_read_.empty()) return std::nullopt;
  return *to_read_.begin();
}

std::size_t Memory::room_for_lane() const { return std::clamp<std::size_t>(lane_capacity_, 1, room()); }

void Memory::take_back(LaneKey lane, StuckLanes::Range asked, LanePage page) {
  to_read_.erase(lane);
  // Another failure of the lane may have sent more of it to disk, which comes first.
  if (range_of(lane).first == asked.first) {
    EventId next = page.next;
    for (Event& event : page.events) {
      next = event.id;
      if (is_full()) break;
      hold(std::move(event));
      next = page.next;
    }
    stuck_.loaded(lane, next);
  }
  read_when_low(lane);
}

/// Asks for more of a lane that was left on disk, once little of it waits in memory.
void Memory::read_when_low(LaneKey lane) {
  if (stuck_.parked(lane) && schedule_.waiting(lane) * 2 <= lane_capacity_) to_read_.insert(lane);
}

}  // namespace tap::outbox
