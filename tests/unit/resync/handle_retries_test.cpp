// SPDX-License-Identifier: MIT
#include "resync/handle_retries.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::RepoId;

const SteadyTime kNow{1000h};

TEST(HandleRetries, WaitsAMinuteDoublingToSixHours) {
  HandleRetries retries(10);
  SteadyTime now = kNow;
  for (const auto wait : {1min, 2min, 4min, 8min, 16min, 32min, 64min, 128min, 256min, 360min, 360min}) {
    retries.failed(RepoId{1}, now, 7s);
    EXPECT_EQ(retries.next_due(), now + wait + 7s);
    now += wait + 7s;
    EXPECT_FALSE(retries.take(now - 1ms));
    EXPECT_EQ(retries.take(now), RepoId{1});
    EXPECT_FALSE(retries.take(now + 24h)) << "it is being checked";
  }
  retries.done(RepoId{1});
  retries.failed(RepoId{1}, now, 0s);
  EXPECT_EQ(retries.next_due(), now + 1min) << "another time";
}

TEST(HandleRetries, ForgetsWhatIsDone) {
  HandleRetries retries(1);
  retries.failed(RepoId{1}, kNow, 0s);
  retries.failed(RepoId{2}, kNow, 0s);
  retries.done(RepoId{1});
  retries.done(RepoId{2});
  EXPECT_EQ(retries.waiting(), 0U);
  EXPECT_FALSE(retries.next_due());
  EXPECT_FALSE(retries.take(kNow + 24h));
}

TEST(HandleRetries, FailsAnewWithoutASecondAlarm) {
  HandleRetries retries(10);
  retries.failed(RepoId{1}, kNow, 0s);
  retries.failed(RepoId{1}, kNow, 0s);  // asked for by somebody else meanwhile
  retries.put_off(RepoId{1}, kNow);
  EXPECT_EQ(retries.waiting(), 1U);
  EXPECT_FALSE(retries.take(kNow + 1min));
  EXPECT_EQ(retries.take(kNow + 2min), RepoId{1});
}

TEST(HandleRetries, LosesNobodyWhenThereAreMoreThanItHasRoomFor) {
  HandleRetries retries(3);
  for (std::uint64_t id = 1; id <= 100; ++id) retries.failed(RepoId{id}, kNow, 0s);
  retries.put_off(RepoId{101}, kNow + 59min);
  EXPECT_EQ(retries.waiting(), 101U);
  std::set<RepoId> soon;
  while (const auto id = retries.take(kNow + 59min)) soon.insert(*id);
  EXPECT_EQ(soon, (std::set{RepoId{1}, RepoId{2}, RepoId{3}}));
  EXPECT_EQ(retries.next_due(), kNow + 1h);

  std::set<RepoId> later;
  while (const auto id = retries.take(kNow + 1h)) {
    EXPECT_TRUE(later.insert(*id).second);
    retries.failed(*id, kNow + 1h, 0s);  // the outage goes on, and the room is taken still
  }
  EXPECT_EQ(later.size(), 98U);
  EXPECT_EQ(retries.next_due(), kNow + 2h);
  for (std::uint64_t id = 1; id <= 3; ++id) retries.done(RepoId{id});
  std::size_t last = 0;
  for (; const auto id = retries.take(kNow + 2h); ++last) retries.done(*id);
  EXPECT_EQ(last, 98U);
  EXPECT_EQ(retries.waiting(), 0U);
}

}  // namespace
}  // namespace tap::resync
