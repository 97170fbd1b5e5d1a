// SPDX-License-Identifier: MIT
#include "tap/atproto/mst_walker.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/slow_mst.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tap::atproto::mst {
namespace {

using test::Dice;
namespace slow = test::slow;

using Nodes = std::unordered_map<Cid, Bytes>;

Cid value_of(std::uint64_t number) { return Cid::of(Cid::Codec::dag_cbor, as_bytes(std::to_string(number))); }
Cid put(Nodes& nodes, const Node& node, Cid::Codec codec = Cid::Codec::dag_cbor) {
  Bytes bytes = node.encode();
  const Cid cid = Cid::of(codec, bytes);
  nodes.emplace(cid, std::move(bytes));
  return cid;
}
car::Blocks blocks_of(const Nodes& nodes) {
  car::Blocks blocks;
  for (const auto& [cid, bytes] : nodes) blocks.emplace(cid, bytes);
  return blocks;
}

Result<slow::Records> walk(const Cid& root, const Nodes& nodes) {
  Walker walker(root, [&](const Cid& cid) -> Result<ByteView> {
    const auto it = nodes.find(cid);
    if (it == nodes.end()) return fail(Errc::block_missing);
    return ByteView(it->second);
  });
  slow::Records records;
  for (;;) {
    auto leaf = walker.next();
    if (!leaf) return std::unexpected(leaf.error());
    if (!*leaf) return records;
    if (!records.empty() && (*leaf)->key <= records.rbegin()->first) ADD_FAILURE() << "out of order";
    records.emplace((*leaf)->key, (*leaf)->value);
  }
}

/// That both the walker and the partial loader refuse a complete tree of this root.
void expect_malformed(const Cid& root, const Nodes& nodes) {
  EXPECT_EQ(walk(root, nodes).error(), Errc::mst_malformed);
  EXPECT_EQ(Tree::load(root, blocks_of(nodes)).error(), Errc::mst_malformed);
}

/// The first key of this layer that sorts behind `prefix`.
std::string key_at(int layer, std::string_view prefix) {
  for (int i = 0;; ++i) {
    std::string key = "com.example.record/" + std::string(prefix) + std::to_string(i);
    if (slow::layer(key) == layer) return key;
  }
}
Entry entry(int layer, std::string_view prefix, std::optional<Cid> right = {}) {
  return {key_at(layer, prefix), value_of(1), right};
}

TEST(MstWalker, GivesEveryRecordOfEveryTreeInOrder) {
  Dice dice(1);
  for (const std::size_t count : {0U, 1U, 2U, 10U, 100U, 3000U}) {
    slow::Records records;
    for (std::size_t i = 0; i < count; ++i) records.insert_or_assign(test::random_path(dice), value_of(i));
    const auto built = slow::build_tree(records);
    const auto walked = walk(built.root, built.nodes);
    ASSERT_TRUE(walked) << walked.error().message();
    EXPECT_EQ(*walked, records);
  }
}

TEST(MstWalker, AnyMissingNodeFailsTheWalk) {  // 8.4 item 4
  Dice dice(2);
  slow::Records records;
  for (std::size_t i = 0; i < 200; ++i) records.insert_or_assign(test::random_path(dice), value_of(i));
  const auto built = slow::build_tree(records);
  for (const auto& [cid, bytes] : built.nodes) {
    Nodes fewer = built.nodes;
    fewer.erase(cid);
    EXPECT_EQ(walk(built.root, fewer).error(), Errc::block_missing);
  }
}

TEST(MstWalker, StaysAtTheEnd) {
  Walker walker(Cid::of(Cid::Codec::dag_cbor, Node{}.encode()), [](const Cid&) -> Result<ByteView> {
    static const Bytes empty = Node{}.encode();
    return ByteView(empty);
  });
  EXPECT_EQ(walker.next().value().has_value(), false);
  EXPECT_EQ(walker.next().value().has_value(), false);
}

TEST(MstWalker, ChildrenStandExactlyOneLayerDown) {  // rule 6
  Nodes nodes;
  const Cid skipped = put(nodes, {{}, {entry(0, "b")}, {}});
  expect_malformed(put(nodes, {{}, {entry(2, "a", skipped)}, {}}), nodes);
  const Cid same = put(nodes, {{}, {entry(1, "b")}, {}});
  expect_malformed(put(nodes, {{}, {entry(1, "a", same)}, {}}), nodes);
  const Cid above = put(nodes, {{}, {entry(3, "b")}, {}});
  expect_malformed(put(nodes, {{}, {entry(2, "a", above)}, {}}), nodes);
  // Through a node without keys it is right.
  const Cid through = put(nodes, {skipped, {}, {}});
  EXPECT_TRUE(walk(put(nodes, {{}, {entry(2, "a", through)}, {}}), nodes));
  // Through two it is not.
  const Cid twice = put(nodes, {through, {}, {}});
  expect_malformed(put(nodes, {{}, {entry(2, "a", twice)}, {}}), nodes);
}

TEST(MstWalker, KeysLieBetweenThoseOfTheParent) {  // rule 7
  Nodes nodes;
  const Cid low = put(nodes, {{}, {entry(0, "a")}, {}});
  const Cid high = put(nodes, {{}, {entry(0, "z")}, {}});
  EXPECT_TRUE(walk(put(nodes, {low, {entry(1, "m", high)}, {}}), nodes));
  expect_malformed(put(nodes, {high, {entry(1, "m")}, {}}), nodes);
  expect_malformed(put(nodes, {{}, {entry(1, "m", low)}, {}}), nodes);
  expect_malformed(put(nodes, {{}, {entry(1, "f", high), entry(1, "m")}, {}}), nodes);
  // Bounds reach through nodes without keys.
  const Cid through = put(nodes, {high, {}, {}});
  expect_malformed(put(nodes, {through, {entry(2, "m")}, {}}), nodes);
}

TEST(MstWalker, ASubtreeStandsOnce) {  // rule 13
  Nodes nodes;
  const Cid low = put(nodes, {{}, {entry(0, "f")}, {}});
  expect_malformed(put(nodes, {low, {entry(1, "m", low)}, {}}), nodes);
}

TEST(MstWalker, EmptyNodesAreOnlyEmptyTrees) {  // rule 9
  Nodes nodes;
  const Cid empty = put(nodes, {});
  EXPECT_TRUE(walk(empty, nodes)->empty());
  expect_malformed(put(nodes, {empty, {entry(1, "m")}, {}}), nodes);
  expect_malformed(put(nodes, {{}, {entry(1, "m", empty)}, {}}), nodes);
  const Cid leaf = put(nodes, {{}, {entry(0, "a")}, {}});
  expect_malformed(put(nodes, {leaf, {}, {}}), nodes);  // a root without keys
}

TEST(MstWalker, NodesAreDagCbor) {  // rule 10
  Nodes nodes;
  const Cid raw = put(nodes, {{}, {entry(0, "a")}, {}}, Cid::Codec::raw);
  EXPECT_EQ(walk(raw, nodes).error(), Errc::mst_malformed);
}

TEST(MstWalker, DepthEndsWithTheLayers) {  // 8.4 item 1: never a chain without end
  Nodes nodes;
  Cid chain = put(nodes, {{}, {entry(0, "a")}, {}});
  for (int i = 0; i < 100'000; ++i) chain = put(nodes, {chain, {}, {}});  // too many for the stack
  const Cid root = put(nodes, {chain, {entry(4, "m")}, {}});
  expect_malformed(root, nodes);

  int asked_for = 0;
  Walker walker(root, [&](const Cid& cid) -> Result<ByteView> {
    ++asked_for;
    return ByteView(nodes.at(cid));
  });
  EXPECT_EQ(walker.next().error(), Errc::mst_malformed);
  EXPECT_EQ(asked_for, 5);  // layers 4 to 0
}

TEST(MstWalker, DamagedTreesAgreeWithATreeBuiltAnew) {
  Dice dice(3);
  int good = 0;
  for (int i = 0; i < 2'000; ++i) {
    // A tree of random nodes: right ones, with some of their parts exchanged.
    slow::Records records;
    for (std::size_t n = 0; n < 12; ++n) records.insert_or_assign(test::random_path(dice), value_of(n));
    const auto built = slow::build_tree(records);
    Nodes nodes;
    std::vector<Node> decoded;
    for (const auto& [cid, bytes] : built.nodes) decoded.push_back(Node::decode(bytes).value());
    std::unordered_map<Cid, Cid> renamed;
    Cid root = built.root;
    // Children before parents, by their layer; a damaged child keeps its place in the parent.
    std::ranges::sort(decoded, {}, [](const Node& node) { return node.layer.value_or(-1); });
    for (Node& node : decoded) {
      const Cid was = Cid::of(Cid::Codec::dag_cbor, node.encode());
      const auto rename = [&](std::optional<Cid>& cid) {
        if (cid && renamed.contains(*cid)) cid = renamed.at(*cid);
      };
      rename(node.left);
      for (Entry& item : node.entries) rename(item.right);
      if (dice.chance(15)) {
        if (!node.entries.empty() && dice.chance(50)) {
          std::swap(node.left, node.entries.front().right);
        } else {
          node.left.reset();
        }
      }
      const Cid is = put(nodes, node);
      renamed.emplace(was, is);
      if (was == built.root) root = is;
    }
    const auto walked = walk(root, nodes);
    if (!walked) continue;
    ++good;
    // Whatever the walker accepts is the one tree of its records.
    ASSERT_EQ(slow::build_tree(*walked).root, root);
  }
  EXPECT_GT(good, 200);
}

}  // namespace
}  // namespace tap::atproto::mst
