// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/async/task_group.hpp"

#include "support/patience.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <list>
#include <optional>
#include <thread>
#include <type_traits>

namespace tap::test {

/// The thread that a fake server lives on, so that it serves whatever thread the parts under test use. A fake's state
/// belongs to this thread: everybody else goes through call(), which waits.
class ServerThread {
 public:
  ServerThread();
  ~ServerThread() { stop(); }
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  /// Cancels and joins all coroutines, then ends the thread. For owners whose coroutines use what dies before this.
  void stop();

  [[nodiscard]] Executor executor() { return context_.get_executor(); }

  /// Runs `function` on the thread and gives its result.
  template <class F>
  auto call(F function) -> std::invoke_result_t<F> {
    if (std::this_thread::get_id() == thread_.get_id()) return function();
    std::packaged_task<std::invoke_result_t<F>()> task(std::move(function));
    auto result = task.get_future();
    boost::asio::post(context_, std::ref(task));
    return result.get();
  }

  /// Blocks the caller until `condition` holds; false when it does not in time. The condition is evaluated on the
  /// thread, now and after each changed().
  [[nodiscard]] bool wait_until(std::function<bool()> condition, std::chrono::milliseconds limit = kPatience);

  // The rest is for the fakes themselves, on the thread.
  void spawn(std::string_view name, Task<void> task) { tasks_->spawn(name, std::move(task)); }
  void changed();

 private:
  struct Waiter {
    std::function<bool()> condition;
    std::promise<void> fulfilled;
  };
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::optional<async::TaskGroup> tasks_{context_.get_executor()};
  std::list<Waiter> waiters_;
  std::thread thread_;
};

}  // namespace tap::test
