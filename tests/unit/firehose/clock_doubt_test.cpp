// SPDX-License-Identifier: MIT
#include "firehose/clock_doubt.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace tap::firehose {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

/// How often so many repos, one after the other, raise it.
int raise(ClockDoubt& doubt, std::uint64_t first, std::uint64_t repos, SteadyTime now) {
  int raised = 0;
  for (std::uint64_t id = first; id < first + repos; ++id) raised += doubt.raise(repos::RepoId{id}, now) ? 1 : 0;
  return raised;
}

TEST(ClockDoubt, IsNotRaisedByTheSameFewAccounts) {
  ClockDoubt doubt;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(raise(doubt, 1, ClockDoubt::kRepos - 1, kStart), 0);
}

TEST(ClockDoubt, IsRaisedByManyOnceInAWindow) {
  ClockDoubt doubt;
  EXPECT_EQ(raise(doubt, 1, 100, kStart), 1);
  EXPECT_EQ(raise(doubt, 101, 100, kStart + ClockDoubt::kWindow - std::chrono::seconds(1)), 0);
  EXPECT_EQ(raise(doubt, 1, 100, kStart + ClockDoubt::kWindow), 1);
}

TEST(ClockDoubt, ForgetsThoseOfLongAgo) {
  ClockDoubt doubt;
  EXPECT_EQ(raise(doubt, 1, ClockDoubt::kRepos - 1, kStart), 0);
  EXPECT_EQ(raise(doubt, 101, ClockDoubt::kRepos - 1, kStart + ClockDoubt::kWindow), 0);
}

}  // namespace
}  // namespace tap::firehose
