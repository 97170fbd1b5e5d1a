// SPDX-License-Identifier: MIT
#include "outbox/retry_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tap::outbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kTimeout = 10s;
constexpr SteadyTime at(std::chrono::seconds time) { return SteadyTime{1000s} + time; }

TEST(RetryClock, WrittenEventsComeDueInTheirTime) {
  RetryClock clock;
  EXPECT_EQ(clock.next(), std::nullopt);
  clock.written(EventId{1}, at(0s));
  clock.written(EventId{2}, at(3s));
  EXPECT_EQ(clock.next(), at(0s));
  EXPECT_THAT(clock.take_due(at(9s), kTimeout), IsEmpty());
  EXPECT_THAT(clock.take_due(at(10s), kTimeout), ElementsAre(EventId{1}));
  EXPECT_EQ(clock.next(), at(3s));
  EXPECT_THAT(clock.take_due(at(13s), kTimeout), ElementsAre(EventId{2}));
  EXPECT_EQ(clock.next(), std::nullopt);
}

TEST(RetryClock, EachAckGivesTimeToWhatComesAfterIt) {
  RetryClock clock;
  for (std::uint64_t id = 1; id <= 3; ++id) clock.written(EventId{id}, at(0s));
  clock.acked(EventId{1}, at(9s));
  EXPECT_EQ(clock.next(), at(9s));
  EXPECT_THAT(clock.take_due(at(18s), kTimeout), IsEmpty());
  EXPECT_THAT(clock.take_due(at(19s), kTimeout), ElementsAre(EventId{2}, EventId{3}));
}

TEST(RetryClock, WhatIsPassedOverComesDueWhateverIsAckedLater) {
  RetryClock clock;
  for (std::uint64_t id = 1; id <= 9; ++id) clock.written(EventId{id}, at(0s));
  clock.acked(EventId{3}, at(5s));
  clock.acked(EventId{2}, at(8s));
  clock.acked(EventId{6}, at(9s));
  EXPECT_THAT(clock.take_due(at(15s), kTimeout), ElementsAre(EventId{1}));
  clock.acked(EventId{7}, at(16s));
  EXPECT_THAT(clock.take_due(at(19s), kTimeout), ElementsAre(EventId{4}, EventId{5}));
  EXPECT_THAT(clock.take_due(at(26s), kTimeout), ElementsAre(EventId{8}, EventId{9}));
}

TEST(RetryClock, AcksOfOthersEventsAndOfFormerOnesAreNoProgress) {
  RetryClock clock;
  clock.written(EventId{1}, at(0s));
  clock.written(EventId{2}, at(0s));
  clock.forget(EventId{1});
  clock.acked(EventId{1}, at(9s));
  clock.acked(EventId{77}, at(9s));
  EXPECT_THAT(clock.take_due(at(10s), kTimeout), ElementsAre(EventId{2}));
}

TEST(RetryClock, EventWrittenAnewStartsAnew) {
  RetryClock clock;
  clock.written(EventId{1}, at(0s));
  clock.written(EventId{2}, at(0s));
  clock.acked(EventId{2}, at(0s));
  EXPECT_THAT(clock.take_due(at(10s), kTimeout), ElementsAre(EventId{1}));
  clock.written(EventId{1}, at(12s));
  EXPECT_THAT(clock.take_due(at(21s), kTimeout), IsEmpty());
  EXPECT_THAT(clock.take_due(at(22s), kTimeout), ElementsAre(EventId{1}));
}

TEST(RetryClock, EventThatWasForgottenAndIsWrittenAnewStartsAnew) {
  RetryClock clock;
  clock.written(EventId{1}, at(0s));
  clock.forget(EventId{1});
  clock.written(EventId{1}, at(5s));
  EXPECT_THAT(clock.take_due(at(14s), kTimeout), IsEmpty());
  EXPECT_THAT(clock.take_due(at(15s), kTimeout), ElementsAre(EventId{1}));
}

/// Whatever the order of acks: nothing is due before its time, and everything that is left is due in the end.
TEST(RetryClock, RandomSearchLosesNothing) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    RetryClock clock;
    std::map<std::uint64_t, SteadyTime> there;
    std::uint64_t last = 0;
    auto now = at(0s);
    for (int step = 0; step < 300; ++step) {
      now += std::chrono::seconds(random() % 3);
      if (random() % 2 == 0) {
        there[++last] = now;
        clock.written(EventId{last}, now);
      } else if (!there.empty()) {
        const auto some = std::next(there.begin(), static_cast<std::ptrdiff_t>(random() % there.size()));
        random() % 4 == 0 ? clock.forget(EventId{some->first}) : clock.acked(EventId{some->first}, now);
        there.erase(some);
      }
      if (random() % 5 != 0) continue;
      for (const EventId id : clock.take_due(now, kTimeout)) {
        const auto found = there.find(static_cast<std::uint64_t>(id));
        ASSERT_NE(found, there.end());
        ASSERT_LE(found->second + kTimeout, now);
        there.erase(found);
      }
    }
    ASSERT_EQ(clock.take_due(now + kTimeout, kTimeout).size(), there.size());
    ASSERT_EQ(clock.next(), std::nullopt);
  }
}

}  // namespace
}  // namespace tap::outbox
