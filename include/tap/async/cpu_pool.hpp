// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/metrics.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace tap::async {

/// Threads for pure functions by value. Results go back to the loop in batches: one post to the loop serves everything
/// that finished meanwhile. run() is called on the loop thread only and resumes there.
class CpuPool {
 public:
  /// `depth`, where there is one, shows how many jobs wait or run. `name` is a literal, for name_this_thread.
  CpuPool(Executor loop, std::size_t threads, metrics::Gauge* depth = nullptr, const char* name = "tap-cpu");
  /// Finishes what is queued, then joins the threads.
  ~CpuPool();
  CpuPool(const CpuPool&) = delete;
  CpuPool& operator=(const CpuPool&) = delete;

  /// `job` must not throw (an exception ends the process: the functions here return Result) and must own what it uses.
  /// Not cancellable: the caller waits for the function's end.
  template <class F>
  [[nodiscard]] auto run(F job) -> Task<decltype(job())>;

 private:
  struct State;
  /// Queues `work`; `done` is called on the loop thread afterwards.
  void submit(std::move_only_function<void()> work, std::move_only_function<void()> done);
  std::unique_ptr<State> state_;
};

}  // namespace tap::async

#include "tap/async/cpu_pool_impl.hpp"
