// SPDX-License-Identifier: MIT
#include "resync/outage.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;

const SteadyTime kNow{1000h};

atproto::Did did(int number) { return atproto::Did::parse("did:plc:" + std::to_string(number)).value(); }

/// The look-ups of so many DIDs fail at the same time; the wait that begins then, if any.
std::optional<std::chrono::milliseconds> fail_together(Outage& outage, int dids, SteadyTime now) {
  std::optional<std::chrono::milliseconds> begun;
  for (int number = 0; number < dids; ++number) {
    if (const auto wait = outage.failed(did(number), now)) {
      EXPECT_FALSE(begun) << "one trouble, one wait";
      begun = wait;
    }
  }
  return begun;
}

TEST(Outage, DoesNotMakeEverybodyWaitForOneLookUpThatFails) {
  Outage outage;
  for (int number = 0; number < 100; ++number) {
    EXPECT_FALSE(outage.failed(did(number), kNow));
    EXPECT_EQ(outage.retry_delay(kNow), 5s);
    outage.over();
  }
}

TEST(Outage, DoesNotMakeEverybodyWaitForAFewDidsHoweverOftenTheyFail) {
  Outage outage;
  for (int time = 0; time < 100; ++time) EXPECT_FALSE(fail_together(outage, 7, kNow + time * 5s));
  EXPECT_EQ(outage.failed(did(7), kNow + 500s), 30s);
}

TEST(Outage, MakesEverybodyWaitLongerEachTime) {
  Outage outage;
  EXPECT_EQ(fail_together(outage, 100, kNow), 30s);
  EXPECT_EQ(outage.retry_delay(kNow + 10s), 20s);
  SteadyTime now = kNow + 30s;
  for (const auto wait : {60s, 120s, 240s, 300s, 300s}) {
    EXPECT_EQ(fail_together(outage, 100, now), wait);
    EXPECT_EQ(outage.retry_delay(now), wait);
    now += wait;
  }
}

TEST(Outage, BeginsAnewAfterAnAnswer) {
  Outage outage;
  EXPECT_TRUE(fail_together(outage, 8, kNow));
  outage.over();
  EXPECT_FALSE(fail_together(outage, 7, kNow + 1s));
  EXPECT_EQ(outage.failed(did(7), kNow + 1s), 30s);
}

}  // namespace
}  // namespace tap::resync
