// SPDX-License-Identifier: MIT
#include "store/fold.hpp"

#include "unit/store/backends.hpp"

#include <gtest/gtest.h>

namespace tap::store {
namespace {

TEST(FoldPlan, KeepsTheLastHeadOfEachRepoInIdOrder) {
  FoldPlan plan;
  plan.add(std::vector<AdvanceHead>{{RepoId{9}, head_of(1, 1), {}}, {RepoId{2}, head_of(2, 2), {}}});
  plan.add(std::vector<AdvanceHead>{{RepoId{9}, head_of(3, 3), {}}});
  plan.finish();
  EXPECT_EQ(plan.commits(), 3U);
  ASSERT_EQ(plan.repos().size(), 2U);
  EXPECT_EQ(plan.repos()[0].id, RepoId{2});
  EXPECT_EQ(plan.repos()[1].id, RepoId{9});
  EXPECT_EQ(plan.repos()[1].head, head_of(3, 3));
  EXPECT_TRUE(plan.touches(RepoId{9}));
  EXPECT_FALSE(plan.touches(RepoId{3}));
}

TEST(FoldPlan, KeepsTheLastContentOfEachRecordInKeyOrder) {
  FoldPlan plan;
  plan.add(std::vector<AdvanceHead>{
      {RepoId{1}, head_of(1, 1), {put("b.b.b", "y", 1), put("b.b.b", "x", 2), put("a.a.a", "x", 3)}},
      {RepoId{1}, head_of(2, 1), {erase("b.b.b", "x"), put("b.b.b", "y", 4), put("b.b.b", "y", 5)}}});
  plan.finish();
  const auto& records = plan.repos().at(0).records;
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(plan.collections().at(records[0].collection), "b.b.b");
  EXPECT_EQ(records[0].rkey, "x");
  EXPECT_EQ(records[0].cid, std::nullopt);
  EXPECT_EQ(records[1].rkey, "y");
  EXPECT_EQ(records[1].cid, cid_of(5));
  EXPECT_EQ(plan.collections().at(records[2].collection), "a.a.a");
  EXPECT_EQ(records[2].cid, cid_of(3));
}

TEST(FoldPlan, OfNothingIsEmpty) {
  FoldPlan plan;
  plan.finish();
  EXPECT_EQ(plan.commits(), 0U);
  EXPECT_TRUE(plan.repos().empty());
}

}  // namespace
}  // namespace tap::store
