// SPDX-License-Identifier: MIT
#include "tap/async/cpu_pool.hpp"

#include "tap/base/thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <mutex>
#include <utility>
#include <vector>

namespace tap::async {

namespace asio = boost::asio;

struct CpuPool::State {
  Executor loop;
  metrics::Gauge own_depth;
  metrics::Gauge& depth;
  const char* name;
  std::mutex mutex;
  std::vector<std::move_only_function<void()>> finished;  // guarded by the mutex
  asio::thread_pool threads;                              // last: joined first

  State(Executor e, std::size_t count, metrics::Gauge* shown, const char* thread_name)
      : loop(std::move(e)), depth(shown != nullptr ? *shown : own_depth), name(thread_name), threads(count) {}

  /// The pool starts its threads itself.
  void name_thread() const {
    thread_local bool named = false;
    if (!std::exchange(named, true)) name_this_thread(name);
  }

  /// The first of a batch wakes the loop; those that finish until it comes ride along.
  void finish(std::move_only_function<void()> done) {
    bool first;
    {
      const std::lock_guard lock(mutex);
      first = finished.empty();
      finished.push_back(std::move(done));
    }
    if (first) asio::post(loop, [this] { deliver(); });
  }

  void deliver() {
    std::vector<std::move_only_function<void()>> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(finished);
    }
    for (auto& done : batch) done();
  }
};

CpuPool::CpuPool(Executor loop, std::size_t threads, metrics::Gauge* depth, const char* name)
    : state_(std::make_unique<State>(std::move(loop), threads, depth, name)) {}

CpuPool::~CpuPool() { state_->threads.join(); }

void CpuPool::submit(std::move_only_function<void()> work, std::move_only_function<void()> done) {
  state_->depth.add(1);
  // The loop must not end while a result is on its way.
  auto guard = asio::make_work_guard(state_->loop);
  asio::post(state_->threads,
             // An exception ends the process, as the header says. NOLINTNEXTLINE(bugprone-exception-escape)
             [this, work = std::move(work), done = std::move(done), guard = std::move(guard)]() mutable noexcept {
               state_->name_thread();
               work();
               state_->depth.add(-1);
               state_->finish(std::move(done));
             });
}

}  // namespace tap::async
