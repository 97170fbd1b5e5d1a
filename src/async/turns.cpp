// SPDX-License-Identifier: MIT
#include "tap/async/turns.hpp"

namespace tap::async {

Turns::Ticket Turns::enter(std::uint64_t key) {
  Line& line = lines_[key];
  return {this, key, line.emplace(line.end())};
}

void Turns::leave(std::uint64_t key, Line::iterator place) {
  auto found = lines_.find(key);
  Line& line = found->second;
  line.erase(place);
  if (line.empty()) {
    lines_.erase(found);
  } else if (line.front().event) {
    line.front().event->notify_all();
  }
}

Task<void> Turns::Ticket::turn() {
  Line& line = turns_->lines_.at(key_);
  if (line.begin() == place_) co_return;
  place_->event.emplace(turns_->loop_);
  while (line.begin() != place_) co_await place_->event->wait();
}

}  // namespace tap::async
