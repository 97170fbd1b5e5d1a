// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"

#include <chrono>
#include <cstddef>
#include <utility>

namespace tap::identity {

/// So many at once; the others wait, first come, first served. Loop thread only; outlives its slots.
class Slots {
 public:
  Slots(Executor loop, std::size_t count) : free_(count), freed_(std::move(loop)) {}

  /// A place among the many; left by its destruction. Tests false when none came free in time.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(Slots& slots) : slots_(&slots) { --slots.free_; }
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (slots_ == nullptr) return;
      ++slots_->free_;
      slots_->freed_.notify_one();
    }
    explicit operator bool() const { return slots_ != nullptr; }

   private:
    Slots* slots_ = nullptr;
  };

  [[nodiscard]] Task<Slot> take(std::chrono::milliseconds patience) {
    // Who leaves with an exception may have been the one that was told of a free place.
    struct PassOn {
      Slots& slots;
      ~PassOn() {
        if (slots.free_ > 0) slots.freed_.notify_one();
      }
    } pass_on{*this};
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (free_ == 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) co_return Slot();
      co_await freed_.wait_for(left);
    }
    co_return Slot(*this);
  }

 private:
  std::size_t free_;
  async::Event freed_;
};

}  // namespace tap::identity
