// SPDX-License-Identifier: MIT
#pragma once

#include "tap/outbox/outbox.hpp"

#include "outbox/retry_clock.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <unordered_set>
#include <vector>

namespace tap::outbox {

struct Consumer {
  Sink* sink;
  std::unordered_set<EventId> out;  ///< taken and neither acked, returned nor given up
  RetryClock clock;

  void forget(EventId id) {
    clock.forget(id);
    out.erase(id);
  }
};

/// The sinks that are attached, and what each of them has. They are few.
class Consumers {
 public:
  /// Attached already: nothing happens.
  void add(Sink& sink) {
    if (find(&sink) == nullptr) all_.push_back({&sink, {}, {}});
  }
  /// Empty when it is not attached.
  std::optional<Consumer> remove(const Sink& sink) {
    const auto found = std::ranges::find(all_, &sink, &Consumer::sink);
    if (found == all_.end()) return std::nullopt;
    Consumer removed = std::move(*found);
    all_.erase(found);
    return removed;
  }
  [[nodiscard]] Consumer* find(const Sink* sink) {
    const auto found = std::ranges::find(all_, sink, &Consumer::sink);
    return found == all_.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::vector<Consumer>& all() { return all_; }
  /// Events that they have.
  [[nodiscard]] std::size_t under_way() const {
    std::size_t sum = 0;
    for (const Consumer& consumer : all_) sum += consumer.out.size();
    return sum;
  }

  /// Those with less than a window out; another one first each time, so that none has the first choice always.
  void wake(std::size_t window) {
    if (all_.empty()) return;
    first_woken_ = (first_woken_ + 1) % all_.size();
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Consumer& consumer = all_[(first_woken_ + i) % all_.size()];
      if (consumer.out.size() < window) consumer.sink->wake();
    }
  }

  /// From when the time of the event counts that comes due first.
  [[nodiscard]] std::optional<SteadyTime> next() const {
    std::optional<SteadyTime> next;
    for (const Consumer& consumer : all_) {
      const auto from = consumer.clock.next();
      if (from && (!next || *from < *next)) next = from;
    }
    return next;
  }

 private:
  std::vector<Consumer> all_;
  std::size_t first_woken_ = 0;
};

}  // namespace tap::outbox
