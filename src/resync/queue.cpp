// SPDX-License-Identifier: MIT
#include "resync/queue.hpp"

namespace tap::resync {

Queue::Line Queue::line_of(repos::State state) {
  switch (state) {
    case repos::State::pending:
      return pending;
    case repos::State::error:
      return error;
    case repos::State::desynchronized:
    case repos::State::resyncing:
    case repos::State::active:
      break;
  }
  return desynchronized;
}

std::string_view Queue::name(Line line) {
  constexpr std::array<std::string_view, kLines> kNames = {"pending", "desynchronized", "error"};
  return kNames.at(line);
}

void Queue::add(RepoId id, repos::State state) {
  if (known_.insert(id)) lines_[line_of(state)].push_back(id);
}

void Queue::add_later(RepoId id, repos::State state, SteadyTime due) {
  if (!known_.insert(id)) return;
  waiting_.emplace(id, Wait{due, line_of(state)});
  alarms_.push({due, id});
}

void Queue::hurry(RepoId id, SteadyTime due) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end() || found->second.due <= due) return;
  found->second.due = due;
  alarms_.push({due, id});
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

std::optional<SteadyTime> Queue::next_due() {
  skip_stale_alarms();
  if (alarms_.empty()) return std::nullopt;
  return alarms_.top().due;
}

void Queue::ripen(SteadyTime now) {
  for (auto due = next_due(); due && *due <= now; due = next_due()) {
    const RepoId id = alarms_.top().id;
    alarms_.pop();
    line_up(id);
  }
}

void Queue::line_up(RepoId id) {
  const auto found = waiting_.find(id);
  lines_[found->second.line].push_back(id);
  waiting_.erase(found);
}

void Queue::skip_stale_alarms() {
  while (!alarms_.empty()) {
    const auto found = waiting_.find(alarms_.top().id);
    if (found != waiting_.end() && found->second.due == alarms_.top().due) return;
    alarms_.pop();
  }
}

std::chrono::milliseconds retry_delay(bool permanent, std::uint32_t failures) {
  using namespace std::chrono_literals;
  const unsigned exponent = failures == 0 ? 0 : failures - 1;
  return permanent ? backoff(exponent, 24, 1h) : backoff(exponent, 1800, 2s);
}

std::chrono::milliseconds longest_delay(std::uint32_t failures) {
  return retry_delay(true, failures) + std::chrono::seconds(2);  // jitter, and the rest of the second
}

std::int64_t unix_after(WallTime now, std::chrono::milliseconds delay) {
  return std::chrono::ceil<std::chrono::seconds>(now + delay).time_since_epoch().count();
}

}  // namespace tap::resync
