// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"

#include <chrono>
#include <vector>

namespace tap::resync {

/// Counts and times resyncs (protocol 11.11).
class Progress {
 public:
  explicit Progress(metrics::Registry& metrics)
      : started_(metrics.counter("tap_resyncs_started_total", "Resyncs begun")),
        completed_(metrics.counter("tap_resyncs_completed_total", "Resyncs that ended well")),
        failed_(metrics.counter("tap_resyncs_failed_total", "Resyncs that failed")),
        duration_(
            metrics.histogram("tap_resync_duration_seconds", "From the first request to the last write", buckets())) {}

  [[nodiscard]] SteadyTime start(const Clock& clock) {
    started_.add();
    return clock.steady();
  }
  void completed(SteadyTime begin, const Clock& clock) {
    completed_.add();
    observe(begin, clock);
  }
  void failed(SteadyTime begin, const Clock& clock) {
    failed_.add();
    observe(begin, clock);
  }

 private:
  static std::vector<double> buckets() {
    std::vector<double> bounds;
    for (double bound = 0.1; bounds.size() < 12; bound *= 2) bounds.push_back(bound);
    return bounds;
  }
  void observe(SteadyTime begin, const Clock& clock) {
    duration_.observe(std::chrono::duration<double>(clock.steady() - begin).count());
  }
  metrics::Counter& started_;
  metrics::Counter& completed_;
  metrics::Counter& failed_;
  metrics::Histogram& duration_;
};

}  // namespace tap::resync
