// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tap::net {

/// Threads for calls that nobody can interrupt and that may take for ever, such as getaddrinfo. So the end of the
/// process does not wait for all of them: one that is still at it then is left behind.
class LookupThreads {
 public:
  using Clock = std::chrono::steady_clock;
  using Delivery = std::move_only_function<void()>;
  /// Runs on one of the threads and must own what it touches. What it gives is called there as well, unless
  /// they were closed meanwhile.
  using Job = std::move_only_function<Delivery()>;

  explicit LookupThreads(std::size_t count);
  /// Leaves at once, unless that was done.
  ~LookupThreads();
  LookupThreads(const LookupThreads&) = delete;
  LookupThreads& operator=(const LookupThreads&) = delete;

  void submit(Job job);
  /// Forgets what is queued; nothing is begun any more, nor delivered.
  void close();
  /// Closes, and waits for what runs until the deadline.
  void leave(Clock::time_point deadline);

 private:
  struct State;
  LookupThreads();
  std::shared_ptr<State> state_;  // shared with the threads, which may be left behind
  std::vector<std::thread> threads_;
};

}  // namespace tap::net
