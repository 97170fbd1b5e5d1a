// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace tap::store::postgres {

/// How a server is waited for.
struct Waiting {
  std::chrono::milliseconds silence{10'000};  ///< after which, and again each time, it is asked whether it is there
  const std::atomic<bool>* ending = nullptr;  ///< true: the process is about to end; null: never
};

/// One wait for a server: a long statement is waited for, a server that hangs is not. Pure.
class Patience {
 public:
  /// The server itself ends a single statement sooner (statement_timeout).
  static constexpr std::chrono::minutes kLongest{11};
  enum class Verdict : std::uint8_t {
    wait,
    ask,      ///< whether the server answers anybody: no is the end of patience
    give_up,  ///< the connection
  };

  Patience(std::chrono::milliseconds silence, SteadyTime now) : silence_(silence), began_(now), asked_(now) {}

  /// Whoever is about to end has no time to ask.
  [[nodiscard]] Verdict judge(SteadyTime now, bool ending) {
    if (now - began_ >= kLongest || (ending && now - began_ >= silence_)) return Verdict::give_up;
    if (now - asked_ < silence_) return Verdict::wait;
    asked_ = now;
    return Verdict::ask;
  }

 private:
  std::chrono::milliseconds silence_;
  SteadyTime began_;
  SteadyTime asked_;
};

}  // namespace tap::store::postgres
