// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace tap {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// Time is given, never taken: whatever decides by time asks one of these, and a test turns its hands.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

/// Chance is given, too.
class Jitter {
 public:
  virtual ~Jitter() = default;
  /// Uniform in [0, limit); zero when the limit is not above it.
  [[nodiscard]] virtual std::chrono::milliseconds below(std::chrono::milliseconds limit) = 0;
};

class RandomJitter final : public Jitter {
 public:
  [[nodiscard]] std::chrono::milliseconds below(std::chrono::milliseconds limit) override {
    if (limit.count() <= 0) return {};
    return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, limit.count() - 1)(engine_));
  }

 private:
  std::mt19937_64 engine_{std::random_device{}()};
};

/// min(2^attempt, cap) in units of `unit`; the exponent is clamped, so no attempt number overflows (protocol 8.4 item
/// 29).
[[nodiscard]] constexpr std::chrono::milliseconds backoff(unsigned attempt, unsigned cap,
                                                          std::chrono::milliseconds unit) {
  const std::uint64_t factor = attempt >= 31 ? cap : std::uint64_t{1} << attempt;
  return unit * static_cast<std::int64_t>(factor < cap ? factor : cap);
}

}  // namespace tap
