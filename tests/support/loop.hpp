// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/async/task.hpp"
#include "tap/async/task_group.hpp"

#include "support/patience.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace tap::test {

/// A loop that a test steps by hand, on its own thread. Made first, so that it outlives what runs on it.
class Loop {
 public:
  [[nodiscard]] Executor executor() { return io_.get_executor(); }

  /// Runs all that is ready, and what becomes ready by it, without waiting for anything.
  void settle() {
    io_.restart();
    io_.poll();
  }

  /// Runs until `done()` says so; throws when that takes longer than kPatience. For what waits on threads, sockets or
  /// timers.
  template <class Done>
  void run_until(Done done) {
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    for (settle(); !done();) {
      if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("nothing came of it in time");
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
  }

  /// What a coroutine that was started has come to.
  template <class T>
  class Started {
   public:
    [[nodiscard]] bool done() const { return state_->result.has_value() || state_->failure; }
    /// Its result, once; an exception of the coroutine comes out here.
    T take() {
      if (state_->failure) std::rethrow_exception(state_->failure);
      return std::move(state_->result.value());
    }

   private:
    friend class Loop;
    struct State {
      std::optional<T> result;
      std::exception_ptr failure;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();  // shared with the coroutine's completion
  };

  /// Starts a coroutine and runs it as far as it gets by itself.
  template <class T>
  [[nodiscard]] Started<T> start(Task<T> task) {
    Started<T> started;
    boost::asio::co_spawn(executor(), std::move(task), [state = started.state_](std::exception_ptr failure, T result) {
      state->failure = failure;
      if (!failure) state->result = std::move(result);
    });
    settle();
    return started;
  }
  [[nodiscard]] Started<bool> start(Task<void> task) { return start(then_true(std::move(task))); }

  /// Runs a coroutine to its end.
  template <class T>
  T run(Task<T> task) {
    auto started = start(std::move(task));
    run_until([&] { return started.done(); });
    return started.take();
  }
  void run(Task<void> task) { run(then_true(std::move(task))); }

 private:
  static Task<bool> then_true(Task<void> task) {
    co_await std::move(task);
    co_return true;
  }
  boost::asio::io_context io_;
};

/// A coroutine that runs for ever, such as a part's run(): cancelled and joined at the end of the scope.
class Background {
 public:
  Background(Loop& loop, Task<void> task) : loop_(loop), group_(loop.executor()) {
    group_.spawn("background", std::move(task));
    loop.settle();
  }
  ~Background() { stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void stop() {
    group_.cancel();
    loop_.run(group_.join());
  }
  [[nodiscard]] bool running() const { return group_.size() > 0; }

 private:
  Loop& loop_;
  async::TaskGroup group_;
};

/// Stands in a fake's way: closed, it holds whoever passes until a test lets them on, in the order they came.
class Gate {
 public:
  explicit Gate(Executor executor) : opened_(std::move(executor)) {}

  void close() { closed_ = true; }
  void open() {
    closed_ = false;
    passes_ = arrivals_;
    opened_.notify_all();
  }
  /// From now on nobody is held, but those who wait already are until open().
  void let_newcomers_pass() { closed_ = false; }
  /// Lets the one through that has waited longest; the gate stays closed.
  void let_one_pass() {
    ++passes_;
    opened_.notify_all();
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  [[nodiscard]] Task<void> pass() {
    if (!closed_) co_return;
    const std::size_t place = arrivals_++;
    ++waiting_;
    struct Leave {
      Gate& gate;
      ~Leave() { --gate.waiting_; }
    } leave{*this};
    while (closed_ && place >= passes_) co_await opened_.wait();
  }

 private:
  async::Event opened_;
  bool closed_ = false;
  std::size_t arrivals_ = 0;
  std::size_t passes_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace tap::test
