// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/base/metrics.hpp"

#include <chrono>
#include <cstddef>
#include <utility>

namespace tap::async {

/// So many at once; the others wait, the longest first. Loop thread only; outlives its slots.
class Slots {
 public:
  /// `taken`, where there is one, shows how many places are.
  Slots(Executor loop, std::size_t count, metrics::Gauge* taken = nullptr)
      : free_(count), freed_(std::move(loop)), taken_(taken) {}

  /// A place among the many; left by its destruction. Tests false when it is none.
  class Slot {
   public:
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (slots_ != nullptr) slots_->leave();
    }
    explicit operator bool() const { return slots_ != nullptr; }

   private:
    friend class Slots;
    explicit Slot(Slots* slots) : slots_(slots) {}
    Slots* slots_;
  };

  /// Resumes with a place.
  [[nodiscard]] Task<Slot> take();
  /// The same with a deadline: with none when no place came free in time.
  [[nodiscard]] Task<Slot> take(std::chrono::milliseconds patience);

 private:
  [[nodiscard]] Slot enter();
  void leave();

  std::size_t free_;
  Event freed_;
  metrics::Gauge* taken_;
};

}  // namespace tap::async
