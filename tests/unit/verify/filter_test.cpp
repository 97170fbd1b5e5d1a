// SPDX-License-Identifier: MIT
#include "tap/verify/filter.hpp"

#include <gtest/gtest.h>

namespace tap::verify {
namespace {

TEST(Filter, NoneLetsEverythingThrough) {
  EXPECT_TRUE(Filter().matches("app.bsky.feed.post"));
  EXPECT_TRUE(Filter(std::vector<std::string>()).matches(""));
}

TEST(Filter, PatternsMatchExactlyOrByPrefixAtAnyByte) {
  const Filter filter({"app.bsky.feed.post", "app.bsky.graph.*", "com.exam*"});
  EXPECT_TRUE(filter.matches("app.bsky.feed.post"));
  EXPECT_FALSE(filter.matches("app.bsky.feed.posts"));
  EXPECT_FALSE(filter.matches("app.bsky.feed.pos"));
  EXPECT_TRUE(filter.matches("app.bsky.graph.follow"));
  EXPECT_TRUE(filter.matches("app.bsky.graph."));
  EXPECT_FALSE(filter.matches("app.bsky.graph"));
  EXPECT_TRUE(filter.matches("com.example.record"));
  EXPECT_TRUE(filter.matches("com.exam"));
  EXPECT_FALSE(filter.matches("App.bsky.feed.post"));
}

TEST(Filter, AStarAloneMatchesAllAndAStarInsideIsItself) {
  EXPECT_TRUE(Filter({"*"}).matches("x.y.z"));
  EXPECT_FALSE(Filter({"app.*.post"}).matches("app.bsky.post"));
  EXPECT_FALSE(Filter({""}).matches("x.y.z"));
  EXPECT_FALSE(Filter({" app.bsky.feed.post"}).matches("app.bsky.feed.post"));
}

}  // namespace
}  // namespace tap::verify
