// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <list>

namespace tap::async {

/// Wakes coroutines: wait() returns once notify_all() was called after the wait began. Like a condition variable on the
/// loop thread: re-check the condition in a loop. Cancellation ends the wait by unwinding the coroutine. Outlives its
/// waiters.
class Event {
 public:
  explicit Event(Executor executor) : executor_(std::move(executor)) {}
  void notify_all();
  /// Wakes the one that has waited longest; the next one, if that is cancelled before it resumes.
  void notify_one();
  [[nodiscard]] Task<void> wait();
  /// The same with a deadline; true when notified, false when the time is over.
  [[nodiscard]] Task<bool> wait_for(std::chrono::milliseconds duration);

 private:
  struct Waiter {
    boost::asio::steady_timer timer;
    bool notified = false;
  };
  [[nodiscard]] Task<bool> wait_until(boost::asio::steady_timer::time_point deadline);
  Executor executor_;
  std::list<Waiter> waiters_;
};

/// Cancellable sleep.
[[nodiscard]] Task<void> sleep_for(std::chrono::milliseconds duration);

}  // namespace tap::async
