// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"

#include <chrono>

namespace tap::test {

/// A clock whose hands the test turns. It starts in 2026, well before the end of what a TID can name.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return steady_; }
  [[nodiscard]] WallTime wall() const override { return wall_; }

  void advance(std::chrono::microseconds by) {
    steady_ += by;
    wall_ += by;
  }
  /// The wall clock alone jumps, as when it is set.
  void set_wall(WallTime to) { wall_ = to; }

 private:
  SteadyTime steady_{std::chrono::hours(1'000)};
  WallTime wall_{std::chrono::sys_days(
      std::chrono::year_month_day(std::chrono::year(2026), std::chrono::June, std::chrono::day(1)))};
};

/// Chance that always falls the same way.
class FixedJitter final : public Jitter {
 public:
  explicit FixedJitter(std::chrono::milliseconds value = {}) : value_(value) {}
  [[nodiscard]] std::chrono::milliseconds below(std::chrono::milliseconds limit) override {
    if (limit.count() <= 0) return {};
    return value_ < limit ? value_ : limit - std::chrono::milliseconds(1);
  }

 private:
  std::chrono::milliseconds value_;
};

}  // namespace tap::test
