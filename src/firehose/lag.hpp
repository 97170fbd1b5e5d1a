// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/event.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace tap::firehose {

/// How far behind the network we are: the clock less the time of the last event read, worked out at each scrape, so
/// that it grows while nothing comes. Only an event now and then is looked at, when somebody has asked. Loop thread
/// only.
class Lag {
 public:
  Lag(metrics::Registry& metrics, const Clock& clock)
      : metrics_(metrics), clock_(clock), last_(std::make_shared<Instant>(clock.wall())) {}

  /// From here on there is a metric; before the first event it counts from the start.
  void show() {
    last_->store(clock_.wall());
    metrics_.compute(metrics::Registry::Kind::gauge, "tap_firehose_lag_seconds",
                     "Seconds since the time of the last event read from the relay", [&clock = clock_, last = last_] {
                       const std::chrono::duration<double> lag = clock.wall() - last->load();
                       return std::max(lag.count(), 0.0);
                     });
  }
  /// The next event is to be looked at.
  void ask() { asks_ = true; }
  [[nodiscard]] bool asks() const { return asks_; }
  void read(ByteView body) {
    const auto time = atproto::parse_datetime(atproto::read_event_time(body));
    if (!time) return;
    last_->store(*time);
    asks_ = false;
  }

 private:
  using Instant = std::atomic<WallTime>;
  metrics::Registry& metrics_;
  const Clock& clock_;
  std::shared_ptr<Instant> last_;  // shared with scrapers
  bool asks_ = true;
};

}  // namespace tap::firehose
