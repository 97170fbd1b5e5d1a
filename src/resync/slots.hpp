// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"

#include <cstddef>
#include <utility>

namespace tap::resync {

/// So many may work at once; the others wait, the longest first. Loop thread only; outlives its slots.
class Slots {
 public:
  Slots(Executor loop, std::size_t count) : free_(count), freed_(std::move(loop)) {}

  /// A place at work; leaving is its destruction.
  class Slot {
   public:
    explicit Slot(Slots& owner) : owner_(&owner) {}
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (owner_ == nullptr) return;
      ++owner_->free_;
      owner_->freed_.notify_one();
    }

   private:
    Slots* owner_;
  };
  [[nodiscard]] Task<Slot> take() {
    while (free_ == 0) co_await freed_.wait();
    --free_;
    co_return Slot(*this);
  }

 private:
  std::size_t free_;
  async::Event freed_;
};

}  // namespace tap::resync
