// SPDX-License-Identifier: MIT
#include "resync/tree_check.hpp"

#include "tap/atproto/error.hpp"
#include "tap/resync/error.hpp"

#include "unit/resync/trees.hpp"

#include <gtest/gtest.h>

namespace tap::resync {
namespace {

using test::text_record;
using test::TreeBlocks;

std::map<std::string, Bytes> some_records(std::size_t count) {
  std::map<std::string, Bytes> records;
  for (std::size_t i = 0; i < count; ++i) {
    records.emplace((i % 2 == 0 ? "a.b.even/" : "a.b.odd/") + std::to_string(i), text_record(std::to_string(i)));
  }
  return records;
}

Result<bool> walk(TreeCheck& check, std::size_t slice = 7) {
  for (;;) {
    auto done = check.advance(slice);
    if (!done || *done) return done;
  }
}

TEST(TreeCheck, CountsTheRecordsOfWantedCollections) {
  const TreeBlocks tree(some_records(100));
  const auto file = tree.file();
  const verify::Filter all;
  TreeCheck check(*file, tree.root, all);
  ASSERT_TRUE(walk(check));
  EXPECT_EQ(check.wanted(), 100U);

  const verify::Filter even({"a.b.even"});
  TreeCheck filtered(*file, tree.root, even);
  ASSERT_TRUE(walk(filtered));
  EXPECT_EQ(filtered.wanted(), 50U);
}

TEST(TreeCheck, AcceptsAnEmptyTree) {
  const TreeBlocks tree({});
  const auto file = tree.file();
  const verify::Filter all;
  TreeCheck check(*file, tree.root, all);
  ASSERT_TRUE(walk(check));
  EXPECT_EQ(check.wanted(), 0U);
}

TEST(TreeCheck, RefusesATreeThatLacksAnyOneBlock) {
  const TreeBlocks whole(some_records(60));
  const verify::Filter all;
  for (const auto& [missing, content] : whole.blocks) {
    TreeBlocks tree = whole;
    tree.blocks.erase(missing);
    const auto file = tree.file();
    TreeCheck check(*file, tree.root, all);
    const auto walked = walk(check);
    ASSERT_FALSE(walked) << missing.str();
    EXPECT_TRUE(walked.error() == Errc::incomplete) << walked.error().message();
  }
}

TEST(TreeCheck, DoesNotMissTheRecordsOfOtherCollections) {
  auto records = some_records(60);
  TreeBlocks tree(records);
  tree.blocks.erase(test::cid_of(records.at("a.b.odd/7")));
  const auto file = tree.file();
  const verify::Filter even({"a.b.even"});
  TreeCheck check(*file, tree.root, even);
  EXPECT_TRUE(walk(check));
}

TEST(TreeCheck, PassesOverKeysThatAreNoPath) {
  auto records = some_records(10);
  records.emplace("nonsense", text_record("x"));
  records.emplace("a.b.c/d/e", text_record("y"));
  const TreeBlocks tree(records);
  const auto file = tree.file();
  const verify::Filter all;
  TreeCheck check(*file, tree.root, all);
  ASSERT_TRUE(walk(check));
  EXPECT_EQ(check.wanted(), 10U);
  EXPECT_EQ(check.odd_keys(), 2U);
}

TEST(TreeCheck, RefusesANodeAtTheWrongLayer) {
  // A node with one key, hung below itself by way of a root that claims another place for it.
  const std::map<std::string, Bytes> one = {{"a.b.c/1", text_record("1")}};
  const TreeBlocks leaf(one);
  atproto::mst::Node root;
  root.left = leaf.root;
  root.entries.push_back({"a.b.c/2", test::cid_of(text_record("2")), {}});
  TreeBlocks tree(one);
  const Bytes encoded = root.encode();
  tree.root = test::cid_of(encoded);
  tree.blocks.emplace(tree.root, encoded);
  tree.blocks.emplace(test::cid_of(text_record("2")), text_record("2"));
  const auto file = tree.file();
  const verify::Filter all;
  TreeCheck check(*file, tree.root, all);
  const auto walked = walk(check);
  ASSERT_FALSE(walked);
  EXPECT_TRUE(walked.error() == atproto::Errc::mst_malformed) << walked.error().message();
}

}  // namespace
}  // namespace tap::resync
