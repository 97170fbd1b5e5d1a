// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/metrics.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace tap::resync {

/// Bytes that many have in common. Whoever finds no room is told so and does not wait: those that hold a part and want
/// more would wait for one another. Any thread.
class BytePool {
 public:
  /// `name` is that of its gauge among the queues.
  BytePool(metrics::Registry& metrics, const std::string& name, std::uint64_t capacity)
      : capacity_(capacity), shown_(metrics.queue(name, capacity)) {}
  BytePool(const BytePool&) = delete;
  BytePool& operator=(const BytePool&) = delete;

  /// What one of them holds; given back with it. One thread at a time. The pool outlives it.
  class Share {
   public:
    /// Without a pool it has all the room there is.
    explicit Share(BytePool* pool) : pool_(pool) {}
    ~Share() { give(held_); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// False when there is no room: then nothing was taken.
    [[nodiscard]] bool take(std::uint64_t bytes) {
      if (pool_ != nullptr && !pool_->take(bytes)) return false;
      held_ += bytes;
      return true;
    }
    void give(std::uint64_t bytes) {
      if (pool_ != nullptr) pool_->give(bytes);
      held_ -= bytes;
    }

   private:
    BytePool* pool_;
    std::uint64_t held_ = 0;
  };

 private:
  bool take(std::uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes > capacity_) {
      used_.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    shown_.add(static_cast<std::int64_t>(bytes));
    return true;
  }
  void give(std::uint64_t bytes) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    shown_.add(-static_cast<std::int64_t>(bytes));
  }

  std::uint64_t capacity_;
  std::atomic<std::uint64_t> used_{0};
  metrics::Gauge& shown_;
};

}  // namespace tap::resync
