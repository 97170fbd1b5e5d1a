// SPDX-License-Identifier: MIT
#include "store/postgres/patience.hpp"

#include <gtest/gtest.h>

namespace tap::store::postgres {
namespace {

using namespace std::chrono_literals;
using Verdict = Patience::Verdict;

constexpr auto kSilence = 10s;
constexpr SteadyTime at(std::chrono::milliseconds time) { return SteadyTime(time); }

TEST(Patience, AsksAfterEachTimeOfSilence) {
  Patience patience(kSilence, at(0s));
  EXPECT_EQ(patience.judge(at(9'999ms), false), Verdict::wait);
  EXPECT_EQ(patience.judge(at(10s), false), Verdict::ask);
  EXPECT_EQ(patience.judge(at(19'999ms), false), Verdict::wait);
  EXPECT_EQ(patience.judge(at(20s), false), Verdict::ask);
}

TEST(Patience, EndsBehindTheLongestStatementThoughTheServerAnswersOthers) {
  Patience patience(kSilence, at(0s));
  for (auto time = 10s; time < Patience::kLongest; time += 10s) {
    ASSERT_EQ(patience.judge(at(time), false), Verdict::ask);
  }
  EXPECT_EQ(patience.judge(at(Patience::kLongest), false), Verdict::give_up);
}

TEST(Patience, AsksNobodyWhenTheProcessIsAboutToEnd) {
  Patience patience(kSilence, at(0s));
  EXPECT_EQ(patience.judge(at(9'999ms), true), Verdict::wait);
  EXPECT_EQ(patience.judge(at(10s), true), Verdict::give_up);
}

}  // namespace
}  // namespace tap::store::postgres
