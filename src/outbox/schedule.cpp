// SPDX-License-Identifier: MIT
#include "tap/outbox/schedule.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <unordered_map>

namespace tap::outbox {
namespace {

/// A queue that costs nothing while it is empty: most lanes hold one event.
class IdQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == ids_.size(); }
  [[nodiscard]] std::size_t size() const { return ids_.size() - head_; }
  [[nodiscard]] EventId back() const { return ids_.back(); }
  void pop_back() { ids_.pop_back(); }
  [[nodiscard]] EventId front() const { return ids_[head_]; }
  void push(EventId id) { ids_.push_back(id); }
  void pop() {
    ++head_;
    if (head_ * 2 < ids_.size()) return;
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  /// All at once, in id order as the rest.
  void put_back(std::span<const EventId> ids) {
    std::vector<EventId> merged;
    merged.reserve(ids_.size() - head_ + ids.size());
    std::ranges::merge(ids, std::span(ids_).subspan(head_), std::back_inserter(merged));
    ids_ = std::move(merged);
    head_ = 0;
  }
  void erase(EventId id) {
    const auto begin = ids_.begin() + static_cast<std::ptrdiff_t>(head_);
    const auto found = std::lower_bound(begin, ids_.end(), id);
    if (found != ids_.end() && *found == id) ids_.erase(found);
  }

 private:
  std::vector<EventId> ids_;
  std::size_t head_ = 0;
};

struct Lane {
  IdQueue waiting;
  std::size_t out = 0;
  bool barrier_out = false;
  bool in_line = false;  // stands in `ready`
};

struct Known {
  LaneKey lane;
  Order order;
  bool out = false;
  bool was_out = false;
};

}  // namespace

struct Schedule::State {
  std::unordered_map<EventId, Known> events;
  std::unordered_map<LaneKey, Lane> lanes;
  std::deque<LaneKey> ready;
  std::size_t out = 0;

  [[nodiscard]] bool may_send(const Lane& lane) const {
    if (lane.waiting.empty() || lane.barrier_out) return false;
    return lane.out == 0 || events.at(lane.waiting.front()).order == Order::historical;
  }
  void line_up(LaneKey key, Lane& lane) {
    if (lane.in_line || !may_send(lane)) return;
    lane.in_line = true;
    ready.push_back(key);
  }
  /// After something left the lane.
  void settle(LaneKey key) {
    const auto lane = lanes.find(key);
    if (lane->second.waiting.empty() && lane->second.out == 0 && !lane->second.in_line) {
      lanes.erase(lane);
    } else {
      line_up(key, lane->second);
    }
  }
  void not_out(const Known& event) {
    Lane& lane = lanes.at(event.lane);
    lane.out -= 1;
    out -= 1;
    if (event.order == Order::barrier) lane.barrier_out = false;
  }
};

Schedule::Schedule() : state_(std::make_unique<State>()) {}
Schedule::~Schedule() = default;

void Schedule::add(EventId id, LaneKey key, Order order) {
  state_->events.emplace(id, Known{key, order});
  Lane& lane = state_->lanes[key];
  lane.waiting.push(id);
  state_->line_up(key, lane);
}

std::vector<EventId> Schedule::take_ready(std::size_t max) {
  std::vector<EventId> taken;
  while (taken.size() < max && !state_->ready.empty()) {
    const LaneKey key = state_->ready.front();
    state_->ready.pop_front();
    Lane& lane = state_->lanes.at(key);
    lane.in_line = false;
    if (state_->may_send(lane)) {
      const EventId id = lane.waiting.front();
      lane.waiting.pop();
      Known& event = state_->events.at(id);
      event.out = event.was_out = true;
      lane.out += 1;
      lane.barrier_out = event.order == Order::barrier;
      state_->out += 1;
      taken.push_back(id);
    }
    state_->settle(key);
  }
  return taken;
}

bool Schedule::has_ready() const {
  return std::ranges::any_of(state_->ready, [&](LaneKey key) { return state_->may_send(state_->lanes.at(key)); });
}

bool Schedule::acked(EventId id) {
  const auto found = state_->events.find(id);
  if (found == state_->events.end() || !found->second.was_out) return false;
  const Known event = found->second;
  if (event.out) {
    state_->not_out(event);
  } else {
    state_->lanes.at(event.lane).waiting.erase(id);
  }
  state_->events.erase(found);
  state_->settle(event.lane);
  return true;
}

void Schedule::returned(std::span<const EventId> ids) {
  std::map<LaneKey, std::vector<EventId>> by_lane;
  for (const EventId id : ids) {
    const auto found = state_->events.find(id);
    if (found == state_->events.end() || !found->second.out) continue;
    found->second.out = false;
    state_->not_out(found->second);
    by_lane[found->second.lane].push_back(id);
  }
  for (auto& [key, back] : by_lane) {
    std::ranges::sort(back);
    state_->lanes.at(key).waiting.put_back(back);
    state_->settle(key);
  }
}

std::vector<EventId> Schedule::withdraw(LaneKey key, std::size_t keep) {
  std::vector<EventId> withdrawn;
  const auto lane = state_->lanes.find(key);
  if (lane == state_->lanes.end()) return withdrawn;
  IdQueue& waiting = lane->second.waiting;
  while (waiting.size() > keep && !state_->events.at(waiting.back()).was_out) {
    withdrawn.push_back(waiting.back());
    state_->events.erase(waiting.back());
    waiting.pop_back();
  }
  std::ranges::reverse(withdrawn);
  state_->settle(key);
  return withdrawn;
}

std::size_t Schedule::waiting(LaneKey key) const {
  const auto lane = state_->lanes.find(key);
  return lane == state_->lanes.end() ? 0 : lane->second.waiting.size();
}

std::size_t Schedule::lanes() const { return state_->lanes.size(); }
std::size_t Schedule::size() const { return state_->events.size(); }
std::size_t Schedule::out() const { return state_->out; }

}  // namespace tap::outbox
