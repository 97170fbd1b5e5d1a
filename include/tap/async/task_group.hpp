// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>

namespace tap::async {

/// Owns coroutines that it spawned: nothing is ever detached. Loop thread only.
/// A child's exception (a bug: errors travel as Result) is kept and reported through `on_failure` at once, then
/// rethrown by join().
class TaskGroup {
 public:
  using FailureHandler = std::function<void(std::string_view name, std::exception_ptr)>;

  explicit TaskGroup(Executor executor, FailureHandler on_failure = {});
  /// The group must be joined, or never have spawned.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts a child. Its arguments must be values: the coroutine outlives the caller's frame. `name` is a literal, for
  /// the failure report. After cancel() it is not started.
  void spawn(std::string_view name, Task<void> child);
  /// Asks all children to stop (terminal cancellation: their current wait ends with operation_aborted).
  void cancel();
  /// Waits for all children; then rethrows the first exception other than cancellation.
  [[nodiscard]] Task<void> join();
  [[nodiscard]] std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with children's completion handlers
};

}  // namespace tap::async
