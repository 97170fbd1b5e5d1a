// SPDX-License-Identifier: MIT
#include "store/postgres/turns.hpp"

namespace tap::store::postgres {

Turns::Turn Turns::writer() {
  std::unique_lock lock(mutex_);
  writer_waits_ = true;
  changed_.wait(lock, [this] { return !is_taken_ && (!reader_waits_ || was_readers_); });
  writer_waits_ = false;
  return take(false);
}

Turns::Turn Turns::reader(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  reader_waits_ = true;
  const auto is_next = [this] { return !is_taken_ && (!writer_waits_ || !was_readers_); };
  changed_.wait_until(lock, deadline, [&] { return turns_away_ || is_next(); });
  reader_waits_ = false;
  // The writer need not be told: it is waiting for nobody when it is not the reader's turn.
  return is_next() ? take(true) : nullptr;
}

void Turns::turn_away() {
  const std::lock_guard lock(mutex_);
  turns_away_ = true;
  changed_.notify_all();
}

bool Turns::is_wanted() const {
  const std::lock_guard lock(mutex_);
  return writer_waits_ || reader_waits_;
}

Turns::Turn Turns::take(bool is_reader) {
  is_taken_ = true;
  was_readers_ = is_reader;
  return Turn(this);
}

void Turns::end() {
  const std::lock_guard lock(mutex_);
  is_taken_ = false;
  turns_away_ = false;
  changed_.notify_all();
}

}  // namespace tap::store::postgres
