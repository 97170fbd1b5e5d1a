// SPDX-License-Identifier: MIT
#include "resync/queue.hpp"

#include "support/clock_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::State;
using testing::ElementsAre;

const SteadyTime kNow{1000h};

std::vector<std::uint64_t> take_all(Queue& queue, SteadyTime now) {
  std::vector<std::uint64_t> taken;
  while (const auto id = queue.take(now)) taken.push_back(static_cast<std::uint64_t>(*id));
  return taken;
}

TEST(Queue, ServesItsLinesInTurn) {
  Queue queue;
  for (const std::uint64_t id : {1U, 2U, 3U, 4U}) queue.add(RepoId{id}, State::pending);
  queue.add(RepoId{11}, State::desynchronized);
  for (const std::uint64_t id : {21U, 22U}) queue.add(RepoId{id}, State::error);

  EXPECT_THAT(take_all(queue, kNow), ElementsAre(1, 11, 21, 2, 22, 3, 4));
}

TEST(Queue, HoldsARepoOnce) {
  Queue queue;
  queue.add(RepoId{1}, State::pending);
  queue.add(RepoId{1}, State::error);
  queue.add_later(RepoId{1}, State::error, kNow + 1h);
  EXPECT_EQ(queue.size(), 1U);

  EXPECT_THAT(take_all(queue, kNow + 2h), ElementsAre(1));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(Queue, KeepsAWaitingRepoBackUntilItsTime) {
  Queue queue;
  queue.add_later(RepoId{1}, State::error, kNow + 5s);
  queue.add(RepoId{1}, State::error);
  EXPECT_EQ(queue.take(kNow + 4s), std::nullopt);
  EXPECT_EQ(queue.next_due(), kNow + 5s);

  EXPECT_EQ(queue.take(kNow + 5s), RepoId{1});
}

TEST(Queue, ForgetsTheAlarmOfAHurriedRepo) {
  Queue queue;
  queue.add_later(RepoId{1}, State::error, kNow + 5s);
  queue.hurry(RepoId{1}, kNow);
  EXPECT_EQ(queue.take(kNow), RepoId{1});
  // It failed again and waits anew: the old alarm must not end the new wait.
  queue.add_later(RepoId{1}, State::error, kNow + 60s);

  EXPECT_EQ(queue.next_due(), kNow + 60s);
  EXPECT_EQ(queue.take(kNow + 6s), std::nullopt);
  EXPECT_EQ(queue.take(kNow + 60s), RepoId{1});
}

TEST(Queue, HurriesAWaitButNeverProlongsIt) {
  Queue queue;
  queue.add_later(RepoId{1}, State::error, kNow + 60s);
  queue.hurry(RepoId{1}, kNow + 10s);
  queue.hurry(RepoId{1}, kNow + 20s);
  EXPECT_EQ(queue.next_due(), kNow + 10s);
  EXPECT_EQ(queue.take(kNow + 9s), std::nullopt);
  EXPECT_EQ(queue.take(kNow + 10s), RepoId{1});
  EXPECT_EQ(queue.next_due(), std::nullopt);
  queue.hurry(RepoId{1}, kNow);  // it does not wait any more
  EXPECT_EQ(queue.size(), 0U);
}

/// The same rules, written slowly.
class SlowQueue {
 public:
  void add(std::uint64_t id, State state) {
    if (!holds(id)) lines_[Queue::line_of(state)].push_back(id);
  }
  void add_later(std::uint64_t id, State state, SteadyTime due) {
    if (!holds(id)) waits_[id] = {due, Queue::line_of(state)};
  }
  void hurry(std::uint64_t id, SteadyTime due) {
    if (waits_.contains(id)) waits_[id].first = std::min(waits_[id].first, due);
  }
  std::optional<std::uint64_t> take(SteadyTime now) {
    std::vector<std::pair<SteadyTime, std::uint64_t>> ripe;
    for (const auto& [id, wait] : waits_) {
      if (wait.first <= now) ripe.emplace_back(wait.first, id);
    }
    std::ranges::sort(ripe);
    for (const auto& [due, id] : ripe) {
      lines_[waits_[id].second].push_back(id);
      waits_.erase(id);
    }
    for (int tried = 0; tried < 3; ++tried) {
      auto& line = lines_[turn_];
      turn_ = (turn_ + 1) % 3;
      if (line.empty()) continue;
      const auto id = line.front();
      line.erase(line.begin());
      return id;
    }
    return std::nullopt;
  }
  std::size_t size() const { return lines_[0].size() + lines_[1].size() + lines_[2].size() + waits_.size(); }

 private:
  bool holds(std::uint64_t id) const {
    return waits_.contains(id) ||
           std::ranges::any_of(lines_, [&](const auto& line) { return std::ranges::find(line, id) != line.end(); });
  }
  std::array<std::vector<std::uint64_t>, 3> lines_;
  std::size_t turn_ = 0;
  std::map<std::uint64_t, std::pair<SteadyTime, Queue::Line>> waits_;
};

TEST(Queue, DoesWhatItsSlowModelDoes) {
  std::mt19937 dice(7);
  const auto roll = [&](unsigned below) { return dice() % below; };
  constexpr State kStates[] = {State::pending, State::desynchronized, State::error};
  for (int round = 0; round < 200; ++round) {
    Queue queue;
    SlowQueue model;
    SteadyTime now = kNow;
    for (std::uint64_t step = 0; step < 300; ++step) {
      const std::uint64_t id = roll(20) * 1000;
      const State state = kStates[roll(3)];
      // Steps make the due times unlike, so that their order is sure.
      const SteadyTime due = now + std::chrono::milliseconds(roll(500)) + std::chrono::nanoseconds(step);
      switch (roll(5)) {
        case 0:
          queue.add(RepoId{id}, state);
          model.add(id, state);
          break;
        case 1:
          queue.add_later(RepoId{id}, state, due);
          model.add_later(id, state, due);
          break;
        case 2:
          queue.hurry(RepoId{id}, due);
          model.hurry(id, due);
          break;
        case 3:
          now += std::chrono::milliseconds(roll(200));
          break;
        default: {
          const auto taken = queue.take(now);
          const auto expected = model.take(now);
          ASSERT_EQ(taken.has_value(), expected.has_value());
          if (taken) ASSERT_EQ(static_cast<std::uint64_t>(*taken), *expected);
        }
      }
      ASSERT_EQ(queue.size(), model.size());
    }
  }
}

TEST(RetryDelay, DoublesFromTwoSecondsToAnHour) {
  EXPECT_EQ(retry_delay(false, 1), 2s);
  EXPECT_EQ(retry_delay(false, 2), 4s);
  EXPECT_EQ(retry_delay(false, 11), 2048s);
  EXPECT_EQ(retry_delay(false, 12), 1h);
  for (const std::uint32_t many : {63U, 64U, 65U, 1'000'000U, ~0U}) EXPECT_EQ(retry_delay(false, many), 1h) << many;
}

TEST(RetryDelay, DoublesFromAnHourToADayWhenTheAnswerWasNo) {
  EXPECT_EQ(retry_delay(true, 1), 1h);
  EXPECT_EQ(retry_delay(true, 5), 16h);
  EXPECT_EQ(retry_delay(true, 6), 24h);
  EXPECT_EQ(retry_delay(true, ~0U), 24h);
}

TEST(RetryDelay, IsNeverOverBeforeItsSecond) {
  const WallTime now{1'000'000'100us};
  EXPECT_EQ(unix_after(now, 2s), 1'003);
  EXPECT_EQ(unix_after(WallTime{1'000s}, 2s), 1'002);
}

}  // namespace
}  // namespace tap::resync
