// SPDX-License-Identifier: MIT
#include "resync/pace.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::RepoId;

const SteadyTime kNow{1000h};

TEST(Pace, LetsTheFirstOneGoAtOnce) {
  const Pace pace;
  EXPECT_EQ(pace.due(RepoId{1}, kNow), kNow);
}

TEST(Pace, DoublesTheWaitUpToHalfAMinute) {
  Pace pace;
  auto now = kNow;
  for (const auto wait : {4s, 8s, 16s, 30s, 30s, 30s}) {
    pace.ended(RepoId{1}, 1s, now);
    EXPECT_EQ(pace.due(RepoId{1}, now), now + wait);
    EXPECT_EQ(pace.due(RepoId{2}, now), now);
    now += wait;
  }
  for (int time = 0; time < 100; ++time) pace.ended(RepoId{1}, 1s, now);
  EXPECT_EQ(pace.due(RepoId{1}, now), now + 30s);
}

TEST(Pace, OfADearRepoDoublesTheWaitUpToTenMinutes) {
  Pace pace;
  for (const auto wait : {4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 600s, 600s}) {
    pace.ended(RepoId{1}, 1h, kNow);
    EXPECT_EQ(pace.due(RepoId{1}, kNow), kNow + wait);
  }
}

TEST(Pace, GivesARepoATwentiethOfTheTimeOfAFetch) {
  Pace pace;
  for (int time = 0; time < 10; ++time) pace.ended(RepoId{1}, 1s, kNow);
  for (const auto& [took, wait] : {std::pair{1s, 30s}, {2s, 40s}, {25s, 500s}, {31s, 600s}, {0s, 30s}}) {
    pace.ended(RepoId{1}, took, kNow);
    EXPECT_EQ(pace.due(RepoId{1}, kNow), kNow + wait);
  }
}

TEST(Pace, ForgetsARepoAfterACalmHour) {
  Pace pace;
  for (int time = 0; time < 5; ++time) pace.ended(RepoId{1}, 10s, kNow);
  EXPECT_LE(pace.due(RepoId{1}, kNow + 59min), kNow + 59min);
  pace.ended(RepoId{1}, 10s, kNow + 59min);
  EXPECT_EQ(pace.due(RepoId{1}, kNow + 59min), kNow + 59min + 128s);

  pace.ended(RepoId{2}, 10s, kNow + 3h);
  EXPECT_EQ(pace.size(), 1U);
  pace.ended(RepoId{1}, 10s, kNow + 3h);
  EXPECT_EQ(pace.due(RepoId{1}, kNow + 3h), kNow + 3h + 4s);
}

TEST(Pace, ForgetsTheLongestCalmWhenThereAreTooMany) {
  Pace pace(2);
  for (const auto id : {RepoId{1}, RepoId{2}, RepoId{1}, RepoId{3}}) pace.ended(id, 1s, kNow);
  EXPECT_EQ(pace.size(), 2U);
  EXPECT_EQ(pace.due(RepoId{1}, kNow), kNow + 8s);
  EXPECT_EQ(pace.due(RepoId{2}, kNow), kNow);
  EXPECT_EQ(pace.due(RepoId{3}, kNow), kNow + 4s);
}

}  // namespace
}  // namespace tap::resync
