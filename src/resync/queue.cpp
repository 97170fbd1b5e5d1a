// SPDX-License-Identifier: MIT
#include "tap/resync/queue.hpp"

#include <algorithm>

namespace tap::resync {

void Queue::add(RepoId id, repos::State state) {
  if (!known_.insert(id).second) return;
  switch (state) {
    case repos::State::pending:
      lines_[pending].push_back(id);
      break;
    case repos::State::error:
      lines_[error].push_back(id);
      break;
    case repos::State::desynchronized:
    case repos::State::resyncing:
    case repos::State::active:
      lines_[desynchronized].push_back(id);
      break;
  }
}

void Queue::add_later(RepoId id, SteadyTime due) {
  if (known_.insert(id).second) waiting_.push({due, id});
}

std::optional<RepoId> Queue::take(SteadyTime now) {
  ripen(now);
  for (std::size_t tried = 0; tried < kLines; ++tried) {
    auto& line = lines_[turn_];
    turn_ = (turn_ + 1) % kLines;
    if (line.empty()) continue;
    const RepoId id = line.front();
    line.pop_front();
    known_.erase(id);
    return id;
  }
  return std::nullopt;
}

std::optional<SteadyTime> Queue::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.top().due;
}

void Queue::ripen(SteadyTime now) {
  while (!waiting_.empty() && waiting_.top().due <= now) {
    lines_[error].push_back(waiting_.top().id);
    waiting_.pop();
  }
}

std::chrono::milliseconds retry_delay(bool permanent, std::uint32_t failures) {
  using namespace std::chrono_literals;
  const unsigned exponent = failures == 0 ? 0 : failures - 1;
  return permanent ? backoff(exponent, 24, 1h) : backoff(exponent, 1800, 2s);
}

}  // namespace tap::resync
