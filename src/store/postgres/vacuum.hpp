// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include "store/postgres/patience.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace tap::store::postgres {

/// Frees the space of journal rows that are gone. They live for seconds, and the server itself would look after them
/// once a minute: in a backfill that is gigabytes. Works on a thread of its own, with a connection for as long as it
/// takes. Its methods are the writer's.
class Vacuum {
 public:
  Vacuum(std::string url, Waiting waiting);
  ~Vacuum();
  Vacuum(const Vacuum&) = delete;
  Vacuum& operator=(const Vacuum&) = delete;

  /// So many bytes of rows were deleted; begins once they are many.
  void add(std::uint64_t bytes);
  /// There is nothing else to do: begins also for few. True when it did.
  bool idle();

 private:
  bool begin_above(std::uint64_t bytes);
  void run();
  [[nodiscard]] Result<void> clean() const;

  std::string url_;
  Waiting waiting_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t deleted_ = 0;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tap::store::postgres
