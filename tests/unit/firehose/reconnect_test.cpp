// SPDX-License-Identifier: MIT
#include "firehose/reconnect.hpp"

#include <gtest/gtest.h>

namespace tap::firehose {
namespace {

using namespace std::chrono_literals;

TEST(Reconnect, DoublesItsPausesToTenSeconds) {
  Reconnect reconnect({});
  for (const auto expected : {1s, 2s, 4s, 8s, 10s, 10s}) EXPECT_EQ(reconnect.pause({}, 1s), expected);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reconnect.pause({}, 1s), 10s);
}

TEST(Reconnect, CountsAnewOnlyAfterAHealthyTime) {
  Reconnect reconnect({});
  for (int i = 0; i < 5; ++i) static_cast<void>(reconnect.pause({}, 59s));
  EXPECT_EQ(reconnect.pause({}, 59s), 10s);
  EXPECT_EQ(reconnect.pause({}, 60s), 1s);
  EXPECT_EQ(reconnect.pause({}, 0s), 2s);
}

TEST(Reconnect, HasPatienceWhereHurryDoesNotHelp) {
  Reconnect reconnect({});
  EXPECT_EQ(reconnect.pause({.patience = true, .retry_after = {}}, 1h), 60s);
  EXPECT_EQ(reconnect.pause({.patience = true, .retry_after = 5s}, 0s), 5s);
  EXPECT_EQ(reconnect.pause({.patience = false, .retry_after = 90s}, 0s), 90s);
  EXPECT_EQ(reconnect.pause({.patience = false, .retry_after = 1s}, 0s), 8s);
}

TEST(Reconnect, ReadsWhatARefusalAsksFor) {
  EXPECT_TRUE(ending_of_refusal(429, "").patience);
  EXPECT_TRUE(ending_of_refusal(501, "").patience);
  EXPECT_FALSE(ending_of_refusal(503, "").patience);
  EXPECT_FALSE(ending_of_refusal(0, "").patience);
  EXPECT_EQ(ending_of_refusal(429, "30").retry_after, 30s);
  EXPECT_EQ(ending_of_refusal(503, "30").retry_after, 30s);
  EXPECT_EQ(ending_of_refusal(429, "86400").retry_after, 10min);
  for (const auto* odd : {"-5", "0", "soon", "30 s", "99999999999999"}) {
    EXPECT_FALSE(ending_of_refusal(429, odd).retry_after) << odd;
  }
  EXPECT_FALSE(ending_of_refusal(502, "30").retry_after);
}

}  // namespace
}  // namespace tap::firehose
