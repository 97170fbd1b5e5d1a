// SPDX-License-Identifier: MIT
#include "tap/base/clock.hpp"
#include "tap/base/hash.hpp"

#include <climits>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tap {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsCap) {
  EXPECT_EQ(backoff(0, 10, 1s), 1s);
  EXPECT_EQ(backoff(1, 10, 1s), 2s);
  EXPECT_EQ(backoff(3, 10, 1s), 8s);
  EXPECT_EQ(backoff(4, 10, 1s), 10s);
  EXPECT_EQ(backoff(5, 60, 60s), 32min);
  EXPECT_EQ(backoff(6, 60, 60s), 60min);
}

TEST(Backoff, NoNumberOfAttemptsMakesItShorter) {  // protocol 8.4 item 29
  for (const unsigned cap : {1U, 10U, 60U, UINT_MAX}) {
    auto last = 0ms;
    for (unsigned attempt = 0; attempt < 200; ++attempt) {
      const auto delay = backoff(attempt, cap, 1s);
      EXPECT_GE(delay, last) << attempt;
      EXPECT_LE(delay, 1s * std::int64_t{cap});
      last = delay;
    }
    EXPECT_EQ(backoff(UINT_MAX, cap, 1s), last);
  }
}

TEST(Jitter, StaysBelowItsLimit) {
  RandomJitter jitter;
  for (int i = 0; i < 1'000; ++i) {
    const auto value = jitter.below(3ms);
    EXPECT_GE(value, 0ms);
    EXPECT_LT(value, 3ms);
  }
  EXPECT_EQ(jitter.below(1ms), 0ms);
  EXPECT_EQ(jitter.below(0ms), 0ms);
  EXPECT_EQ(jitter.below(-5ms), 0ms);
}

TEST(StableHash, IsTheSameInEveryVersion) {
  // What is on disk depends on these.
  EXPECT_EQ(stable_hash(""), 9615434041927672947U);
  EXPECT_EQ(stable_hash("did:plc:44ybard66vv44zksje25o7dz"), 16917714324287014341U);
}

TEST(StableHash, SpreadsItsLowAndHighBits) {
  std::set<std::uint64_t> low, high;
  for (int i = 0; i < 1'000; ++i) {
    const auto hash = stable_hash("did:plc:" + std::to_string(i));
    low.insert(hash & 0xff);
    high.insert(hash >> 56);
  }
  EXPECT_GT(low.size(), 240U);
  EXPECT_GT(high.size(), 240U);
}

}  // namespace
}  // namespace tap
