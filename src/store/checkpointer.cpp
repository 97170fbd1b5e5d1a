// SPDX-License-Identifier: MIT
#include "store/checkpointer.hpp"

#include "tap/base/thread.hpp"

namespace tap::store {
namespace {

constexpr log::Logger kLog("store");

}  // namespace

Checkpointer::Checkpointer(Store& store, metrics::Registry& metrics, std::uint64_t bytes, std::uint64_t max_bytes)
    : store_(store),
      bytes_(bytes),
      max_bytes_(max_bytes),
      next_(bytes),
      condition_(kLog, "checkpoint of the database",
                 metrics.counter("tap_store_failures_total", "Database work that failed", {{"what", "checkpoint"}})),
      copies_(metrics, "checkpoint"),
      log_bytes_(metrics.gauge("tap_store_log_bytes", "Size of the write-ahead log")),
      thread_([this] {
        name_this_thread("tap-checkpoint");
        run();
      }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Checkpointer::after_transaction() {
  const std::uint64_t length = store_.log_bytes();
  log_bytes_.set(static_cast<std::int64_t>(length));
  if (length < bytes_) next_ = bytes_;  // it has begun anew
  if (phase() == Phase::copied) return copy_rest();
  if (length < next_) return;
  if (phase() == Phase::idle) ask();
  if (length < max_bytes_) return;
  wait_for_copy();
  copy_rest();
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || phase_ == Phase::asked; });
    if (stopping_) return;
    lock.unlock();
    auto done = copies_.of([this] { return store_.checkpoint(); });
    lock.lock();
    if (done) {
      condition_.succeeded();
    } else {
      condition_.failed(done.error());
    }
    phase_ = Phase::copied;
    changed_.notify_all();
  }
}

Checkpointer::Phase Checkpointer::phase() {
  const std::lock_guard lock(mutex_);
  return phase_;
}

void Checkpointer::ask() {
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::asked;
  }
  changed_.notify_all();
}

void Checkpointer::wait_for_copy() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return phase_ == Phase::copied; });
}

void Checkpointer::copy_rest() {
  auto done = copies_.of([this] { return store_.checkpoint(); });
  next_ = store_.log_bytes() + bytes_;
  const std::lock_guard lock(mutex_);
  if (!done) condition_.failed(done.error());
  phase_ = Phase::idle;
}

}  // namespace tap::store
