// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"

#include "resync/hosts.hpp"

#include <chrono>
#include <cstddef>
#include <optional>

namespace tap::resync {

/// Shows the hosts of repos: how many are in which state, and by name only the worst, since there may be a hundred
/// thousand, with names that others chose. Loop thread only.
class HostGauges {
 public:
  static constexpr std::size_t kNamed = 20;
  /// Between two looks at all hosts: one takes some 4 ms when 30,000 are known. The numbers are shown each time.
  static constexpr std::chrono::seconds kEvery{5};

  explicit HostGauges(metrics::Registry& metrics);
  /// For every event: it costs little as long as the names are not due.
  void show(const Hosts& hosts, SteadyTime now);
  /// When show() is to be called also if nothing happens; never while there is no host to name.
  [[nodiscard]] std::optional<SteadyTime> next_due(const Hosts& hosts) const;

 private:
  void name_worst(const Hosts& hosts, SteadyTime now);
  [[nodiscard]] bool has_names(const Hosts& hosts) const;

  metrics::Gauge& known_;
  metrics::Gauge& fetched_;
  metrics::Gauge& crowded_;
  metrics::Gauge& paused_;
  metrics::GaugeSet& waiting_of_;
  metrics::GaugeSet& fetching_of_;
  metrics::GaugeSet& pause_of_;
  metrics::GaugeSet& hung_of_;
  bool named_ = false;  // some are shown by name
  SteadyTime next_{};
};

}  // namespace tap::resync
