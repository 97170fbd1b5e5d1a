// SPDX-License-Identifier: MIT
#include "tap/repos/id_set.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tap::repos {
namespace {

TEST(IdSet, HoldsIdsThatLieFarApart) {
  IdSet set;
  const std::vector<std::uint64_t> ids = {0, 1, 63, 64, 4095, 4096, 1ULL << 40, ~0ULL};
  for (const auto id : ids) EXPECT_TRUE(set.insert(RepoId{id}));
  for (const auto id : ids) EXPECT_FALSE(set.insert(RepoId{id}));
  EXPECT_EQ(set.size(), ids.size());
  EXPECT_FALSE(set.contains(RepoId{2}));
  EXPECT_FALSE(set.erase(RepoId{2}));

  for (const auto id : ids) EXPECT_TRUE(set.erase(RepoId{id}));
  for (const auto id : ids) EXPECT_FALSE(set.contains(RepoId{id}));
  EXPECT_EQ(set.size(), 0U);
}

}  // namespace
}  // namespace tap::repos
