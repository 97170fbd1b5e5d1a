// SPDX-License-Identifier: MIT
#include "outbox/backlog.hpp"

#include "tap/base/log.hpp"

#include <algorithm>
#include <utility>

namespace tap::outbox {
namespace {

constexpr log::Logger kLog("outbox");
constexpr std::size_t kPage = 1'000;

}  // namespace

void Backlog::committed(std::vector<Event> events) {
  for (Event& event : events) {
    announced_ = event.id;
    if (event.id <= loaded_) continue;  // a page read from the journal was quicker
    if (!more_on_disk_ && !memory_.is_full()) {
      keep(std::move(event));
    } else {
      more_on_disk_ = true;
      hold_for_page(std::move(event));
    }
  }
}

void Backlog::keep(Event event) {
  loaded_ = event.id;
  memory_.keep(std::move(event));
}

/// An event that found no place: it is on disk. While a page is being read it is kept, since it may be the next one
/// behind that page.
void Backlog::hold_for_page(Event event) {
  if (!reading_ || behind_page_.size() >= kPage) {
    gap_ = true;
  } else {
    behind_page_.push_back(std::move(event));
  }
}

Task<bool> Backlog::read_page() {
  const EventId announced = announced_;
  reading_ = true;
  gap_ = false;
  behind_page_.clear();
  auto page = co_await journal_.read(loaded_, std::min(memory_.room(), kPage));
  reading_ = false;
  if (!page) {
    kLog.error("failed to read events", {{"error", page.error().message()}});
    co_return false;
  }
  for (Event& event : *page) keep(std::move(event));
  // It reached everything that was there when it was asked for, so what came meanwhile follows without a gap.
  const bool complete = page->empty() || (announced != EventId{} && loaded_ >= announced);
  if (complete && !gap_) take_what_came_meanwhile();
  co_return true;
}

void Backlog::take_what_came_meanwhile() {
  more_on_disk_ = false;
  for (Event& event : behind_page_) {
    if (event.id <= loaded_) continue;
    more_on_disk_ = memory_.is_full();
    if (more_on_disk_) break;
    keep(std::move(event));
  }
  behind_page_.clear();
}

Task<bool> Backlog::read_lane() {
  const LaneKey lane = memory_.lane_to_read().value();
  const StuckLanes::Range range = memory_.range_of(lane);
  auto page = co_await journal_.read_lane(lane, range.first, range.last, memory_.room_for_lane());
  if (!page) {
    kLog.error("failed to read events", {{"error", page.error().message()}});
    co_return false;
  }
  memory_.take_back(lane, range, std::move(*page));
  co_return true;
}

}  // namespace tap::outbox
