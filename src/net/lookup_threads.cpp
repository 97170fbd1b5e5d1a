// SPDX-License-Identifier: MIT
#include "net/lookup_threads.hpp"

#include "tap/base/thread.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace tap::net {

struct LookupThreads::State {
  std::mutex mutex;
  std::condition_variable submitted;
  std::condition_variable ended;
  // Guarded by the mutex.
  std::deque<Job> jobs;
  bool closed = false;
  std::vector<bool> has_ended;  // by thread

  void run(std::size_t thread) {
    name_this_thread("tap-resolver");
    std::unique_lock lock(mutex);
    for (;;) {
      submitted.wait(lock, [this] { return closed || !jobs.empty(); });
      if (closed) break;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      Delivery delivery = job();
      lock.lock();
      // Under the lock: to whom it goes is there until close() has returned.
      if (!closed) delivery();
    }
    has_ended[thread] = true;
    ended.notify_all();
  }
};

LookupThreads::LookupThreads() : state_(std::make_shared<State>()) {}

// Should a thread not start, the destructor ends those before it.
LookupThreads::LookupThreads(std::size_t count) : LookupThreads() {
  state_->has_ended.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    threads_.emplace_back([state = state_, i] { state->run(i); });
  }
}

LookupThreads::~LookupThreads() { leave(Clock::now()); }

void LookupThreads::submit(Job job) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->submitted.notify_one();
}

void LookupThreads::close() {
  std::deque<Job> forgotten;
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    forgotten.swap(state_->jobs);
  }
  state_->submitted.notify_all();
}

void LookupThreads::leave(Clock::time_point deadline) {
  close();
  std::unique_lock lock(state_->mutex);
  const auto count = static_cast<std::ptrdiff_t>(threads_.size());
  state_->ended.wait_until(lock, deadline, [&] { return std::ranges::count(state_->has_ended, true) >= count; });
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    if (state_->has_ended[i]) {
      threads_[i].join();
    } else {
      threads_[i].detach();
    }
  }
  threads_.clear();
}

}  // namespace tap::net
