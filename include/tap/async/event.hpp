// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace tap::async {

/// Wakes coroutines: wait() returns once notify_all() was called after the wait began. Like a condition variable on the
/// loop thread: re-check the condition in a loop. Cancellation ends the wait by unwinding the coroutine.
class Event {
 public:
  explicit Event(const Executor& executor) : timer_(executor, boost::asio::steady_timer::time_point::max()) {}
  void notify_all() { timer_.cancel(); }
  void notify_one() { timer_.cancel_one(); }
  [[nodiscard]] Task<void> wait();
  /// The same with a deadline; true when notified, false when the time is over.
  [[nodiscard]] Task<bool> wait_for(std::chrono::milliseconds duration);

 private:
  boost::asio::steady_timer timer_;
};

/// Cancellable sleep.
[[nodiscard]] Task<void> sleep_for(std::chrono::milliseconds duration);

}  // namespace tap::async
