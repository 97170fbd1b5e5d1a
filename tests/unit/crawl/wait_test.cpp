// SPDX-License-Identifier: MIT
#include "crawl/wait.hpp"

#include "tap/crawl/error.hpp"

#include <gtest/gtest.h>

namespace tap::crawl {
namespace {

using namespace std::chrono_literals;

const CrawlOptions kOptions{.retry_unit = 1'000ms, .longest_retry = 64, .unsupported = 3'600'000ms};

TEST(Wait, DoublesUpToItsLongest) {
  const Error trouble(Errc::refused);
  EXPECT_EQ(wait_after(trouble, {}, 0, kOptions), 1s);
  EXPECT_EQ(wait_after(trouble, {}, 5, kOptions), 32s);
  EXPECT_EQ(wait_after(trouble, {}, 6, kOptions), 64s);
  EXPECT_EQ(wait_after(trouble, {}, 4'000'000'000, kOptions), 64s);
}

TEST(Wait, IsAsLongAsTheRelayAsks) {
  EXPECT_EQ(wait_after(Errc::refused, 5s, 6, kOptions), 5s);
  EXPECT_EQ(wait_after(Errc::unsupported, 5s, 0, kOptions), 5s);
}

TEST(Wait, LeavesARelayAloneThatHasNoSuchList) { EXPECT_EQ(wait_after(Errc::unsupported, {}, 0, kOptions), 1h); }

}  // namespace
}  // namespace tap::crawl
