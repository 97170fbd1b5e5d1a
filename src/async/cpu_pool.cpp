// SPDX-License-Identifier: MIT
#include "tap/async/cpu_pool.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <mutex>
#include <vector>

namespace tap::async {

namespace asio = boost::asio;

struct CpuPool::State {
  Executor loop;
  std::atomic<std::size_t> queued{0};
  std::mutex mutex;
  std::vector<std::move_only_function<void()>> finished;  // guarded by the mutex
  asio::thread_pool threads;                              // last: joined first

  State(Executor e, std::size_t count) : loop(std::move(e)), threads(count) {}

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

CpuPool::CpuPool(Executor loop, std::size_t threads) : state_(std::make_unique<State>(std::move(loop), threads)) {}

CpuPool::~CpuPool() { state_->threads.join(); }

std::size_t CpuPool::queued() const { return state_->queued.load(std::memory_order_relaxed); }

void CpuPool::submit(std::move_only_function<void()> work, std::move_only_function<void()> done) {
  state_->queued.fetch_add(1, std::memory_order_relaxed);
  // The loop must not end while a result is on its way.
  auto guard = asio::make_work_guard(state_->loop);
  asio::post(state_->threads,
             [this, work = std::move(work), done = std::move(done), guard = std::move(guard)]() mutable noexcept {
               work();
               state_->queued.fetch_sub(1, std::memory_order_relaxed);
               state_->finish(std::move(done));
             });
}

}  // namespace tap::async
