// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "store/condition.hpp"
#include "store/timing.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace tap::store {

/// Keeps the write-ahead log short. Copying it stalls whoever does it for hundreds of milliseconds, so a thread of its
/// own copies the bulk; what is written meanwhile, the writer copies, and then the log begins anew. Used by the
/// writer's thread.
class Checkpointer {
 public:
  Checkpointer(Store& store, metrics::Registry& metrics, std::uint64_t bytes, std::uint64_t max_bytes);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// To be called between transactions. Waits only when the log has grown beyond its bound.
  void after_transaction();

 private:
  enum class Phase : std::uint8_t { idle, asked, copied };
  void run();
  [[nodiscard]] Phase phase();
  void ask();
  void wait_for_copy();
  void copy_rest();

  Store& store_;
  std::uint64_t bytes_;
  std::uint64_t max_bytes_;
  std::uint64_t next_;   // ask when the log is so long: a reader may keep it from beginning anew
  Condition condition_;  // of whoever copies
  Timing copies_;
  metrics::Gauge& log_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Phase phase_ = Phase::idle;  // guarded, like stopping_
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tap::store
