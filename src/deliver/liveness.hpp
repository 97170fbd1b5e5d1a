// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace tap::deliver {

/// Tells whether a consumer is still there (8.4 item 63). Pure.
class Liveness {
 public:
  struct Limits {
    std::chrono::milliseconds ping_interval;
    std::chrono::milliseconds idle_limit;
    std::chrono::milliseconds write_timeout;
  };
  enum class Verdict : std::uint8_t {
    fine,
    ping,     ///< nothing heard for a while: ask (once an interval)
    gone,     ///< nothing heard for too long
    stalled,  ///< takes nothing of what is being written
  };

  Liveness(Limits limits, SteadyTime now) : limits_(limits), heard_(now), asked_(now) {}

  void heard(SteadyTime now) { heard_ = now; }
  /// A write begins, or has got on.
  void writing(SteadyTime now) { write_ = now; }
  void written() { write_.reset(); }

  [[nodiscard]] Verdict judge(SteadyTime now);
  /// When to judge again; a write that begins meanwhile is not late by then.
  [[nodiscard]] SteadyTime due(SteadyTime now) const;

 private:
  [[nodiscard]] SteadyTime ping_due() const { return std::max(heard_, asked_) + limits_.ping_interval; }
  Limits limits_;
  SteadyTime heard_;
  SteadyTime asked_;
  std::optional<SteadyTime> write_;
};

}  // namespace tap::deliver
