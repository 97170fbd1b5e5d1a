// SPDX-License-Identifier: MIT
#include "deliver/liveness.hpp"

#include <gtest/gtest.h>

namespace tap::deliver {
namespace {

using namespace std::chrono_literals;
using Verdict = Liveness::Verdict;

constexpr Liveness::Limits kLimits{.ping_interval = 30s, .idle_limit = 90s, .write_timeout = 60s};
constexpr SteadyTime kStart{1000h};

TEST(Liveness, AsksOnceAnIntervalAndGivesUpAtTheLimit) {
  Liveness liveness(kLimits, kStart);
  EXPECT_EQ(liveness.judge(kStart + 29s), Verdict::fine);
  EXPECT_EQ(liveness.judge(kStart + 30s), Verdict::ping);
  EXPECT_EQ(liveness.judge(kStart + 31s), Verdict::fine);
  EXPECT_EQ(liveness.judge(kStart + 60s), Verdict::ping);
  EXPECT_EQ(liveness.judge(kStart + 89s), Verdict::fine);
  EXPECT_EQ(liveness.judge(kStart + 90s), Verdict::gone);
}

TEST(Liveness, WhoIsHeardIsNotAsked) {
  Liveness liveness(kLimits, kStart);
  liveness.heard(kStart + 29s);
  EXPECT_EQ(liveness.judge(kStart + 58s), Verdict::fine);
  EXPECT_EQ(liveness.judge(kStart + 59s), Verdict::ping);
  liveness.heard(kStart + 60s);
  EXPECT_EQ(liveness.judge(kStart + 149s), Verdict::ping);
  EXPECT_EQ(liveness.judge(kStart + 150s), Verdict::gone);
}

TEST(Liveness, AWriteThatGetsOnIsNotLate) {
  Liveness liveness(kLimits, kStart);
  liveness.writing(kStart);
  liveness.heard(kStart + 59s);
  EXPECT_EQ(liveness.judge(kStart + 59s), Verdict::fine);
  liveness.writing(kStart + 59s);
  EXPECT_EQ(liveness.judge(kStart + 88s), Verdict::fine);
  liveness.heard(kStart + 118s);
  EXPECT_EQ(liveness.judge(kStart + 119s), Verdict::stalled);
  liveness.written();
  EXPECT_EQ(liveness.judge(kStart + 119s), Verdict::fine);
}

TEST(Liveness, IsDueAtTheNearestLimit) {
  Liveness liveness(kLimits, kStart);
  EXPECT_EQ(liveness.due(kStart), kStart + 30s);
  liveness.writing(kStart - 40s);
  EXPECT_EQ(liveness.due(kStart), kStart + 20s);
  liveness.written();
  Liveness hasty({.ping_interval = 30s, .idle_limit = 10s, .write_timeout = 5s}, kStart);
  EXPECT_EQ(hasty.due(kStart), kStart + 5s) << "a write that begins meanwhile must not be late";
  hasty.writing(kStart + 4s);
  EXPECT_EQ(hasty.due(kStart + 5s), kStart + 9s);
}

}  // namespace
}  // namespace tap::deliver
