// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/metrics.hpp"

#include <chrono>

namespace tap::store {

/// How long one kind of database work takes: tap_store_seconds{operation=...}. For any thread.
class Timing {
 public:
  Timing(metrics::Registry& metrics, const char* operation)
      : seconds_(metrics.histogram("tap_store_seconds", "Time of database work",
                                   {0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
                                   {{"operation", operation}})) {}

  void took(std::chrono::duration<double> time) { seconds_.observe(time.count()); }
  /// Runs it and gives its result.
  template <class Work>
  auto of(Work&& work) {
    const auto start = std::chrono::steady_clock::now();
    auto result = work();
    took(std::chrono::steady_clock::now() - start);
    return result;
  }

 private:
  metrics::Histogram& seconds_;
};

}  // namespace tap::store
