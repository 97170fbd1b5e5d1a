// SPDX-License-Identifier: MIT
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/slow_mst.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tap::atproto::mst {
namespace {

using test::Dice;
namespace slow = test::slow;

car::Blocks blocks_of(const std::unordered_map<Cid, Bytes>& nodes) {
  car::Blocks blocks;
  for (const auto& [cid, bytes] : nodes) blocks.emplace(cid, bytes);
  return blocks;
}

Cid value_of(std::uint64_t number) { return Cid::of(Cid::Codec::dag_cbor, as_bytes(std::to_string(number))); }

slow::Records random_records(Dice& dice, std::size_t count) {
  slow::Records records;
  while (records.size() < count) records.insert_or_assign(test::random_path(dice), value_of(dice.word()));
  return records;
}

/// The nodes that `tree` hands out around these keys: what a #commit would carry.
std::unordered_map<Cid, Bytes> slice(Tree& tree, const std::vector<std::string>& keys) {
  std::unordered_map<Cid, Bytes> nodes;
  for (const std::string& key : keys) {
    tree.each_node_around(
        key, [&](const Cid& cid, ByteView bytes) { nodes.emplace(cid, Bytes(bytes.begin(), bytes.end())); });
  }
  return nodes;
}

TEST(MstTree, HasTheKnownRoots) {
  const auto value = Cid::parse("bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454").value();
  const auto key = [](std::string_view middle) { return "com.example.record/3jqfcqzm" + std::string(middle) + "2j"; };
  struct Case {
    std::vector<const char*> keys, added;
    const char* root;
    const char* root_with_added;
  };
  const Case cases[] = {
      {{},
       {"3fo"},
       "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm",
       "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu"},
      {{},
       {"3fx"},
       "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm",
       "bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai"},
      {{},
       {"3fp", "3fr", "3fs", "3ft", "4fc"},
       "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm",
       "bafyreicmahysq4n6wfuxo522m6dpiy7z7qzym3dzs756t5n7nfdgccwq7m"},
      {{"3fn", "3fo", "3fp", "3ft", "3fu"},
       {"3fs"},
       "bafyreie4kjuxbwkhzg2i5dljaswcroeih4dgiqq6pazcmunwt2byd725vi",
       "bafyreifnqrwbk6ffmyaz5qtujqrzf5qmxf7cbxvgzktl4e3gabuxbtatv4"},
      {{"3fo", "3fp", "3fr", "3fs", "3ft", "3fz", "4fc", "4fd", "4ff", "4fg", "4fh"},
       {"3fx"},
       "bafyreiettyludka6fpgp33stwxfuwhkzlur6chs4d2v4nkmq2j3ogpdjem",
       "bafyreid2x5eqs4w4qxvc5jiwda4cien3gw2q6cshofxwnvv7iucrmfohpm"},
      {{"3ft", "3fz"},
       {"3fx"},
       "bafyreidfcktqnfmykz2ps3dbul35pepleq7kvv526g47xahuz3rqtptmky",
       "bafyreiavxaxdz7o7rbvr3zg2liox2yww46t7g6hkehx4i4h3lwudly7dhy"},
      {{"3ft", "3fz", "3fx"},
       {"4fd"},
       "bafyreiavxaxdz7o7rbvr3zg2liox2yww46t7g6hkehx4i4h3lwudly7dhy",
       "bafyreig4jv3vuajbsybhyvb7gggvpwh2zszwfyttjrj6qwvcsp24h6popu"},
  };
  for (const Case& c : cases) {
    Tree tree;
    for (const char* k : c.keys) EXPECT_EQ(tree.insert(key(k), value).value(), std::nullopt);
    EXPECT_EQ(tree.root().str(), c.root);
    for (const char* k : c.added) EXPECT_EQ(tree.insert(key(k), value).value(), std::nullopt);
    EXPECT_EQ(tree.root().str(), c.root_with_added);
    for (const char* k : c.added) EXPECT_EQ(tree.remove(key(k)).value(), value);
    EXPECT_EQ(tree.root().str(), c.root);
  }
}

TEST(MstTree, EqualsATreeBuiltAnewAfterEveryOperation) {
  Dice dice(1);
  Tree tree;
  slow::Records records;
  for (int i = 0; i < 4'000; ++i) {
    const std::string key = test::random_path(dice);
    const auto held = records.find(key);
    const std::optional<Cid> before = held == records.end() ? std::nullopt : std::optional(held->second);
    ASSERT_EQ(tree.find(key).value(), before);
    // Grows at first, then shrinks to nothing.
    if (dice.chance(i < 2'000 ? 70 : 25)) {
      const Cid value = value_of(dice.word());
      ASSERT_EQ(tree.insert(key, value).value(), before);
      records.insert_or_assign(key, value);
    } else {
      const std::string victim =
          records.empty() || dice.chance(20)
              ? key
              : std::next(records.begin(), static_cast<std::ptrdiff_t>(dice.below(records.size())))->first;
      const auto removed = tree.remove(victim);
      ASSERT_EQ(removed.value().has_value(), records.erase(victim) == 1);
    }
    if (i % 50 == 0 || records.size() < 10) {
      ASSERT_EQ(tree.root(), slow::build_tree(records).root) << i;
    }
  }
  while (!records.empty()) {
    ASSERT_TRUE(tree.remove(records.begin()->first).value());
    records.erase(records.begin());
    if (records.size() % 50 == 0) {
      ASSERT_EQ(tree.root(), slow::build_tree(records).root);
    }
  }
}

TEST(MstTree, TheOrderOfInsertionLeavesNoTrace) {
  Dice dice(2);
  const auto records = random_records(dice, 300);
  const Cid root = slow::build_tree(records).root;
  std::vector<std::pair<std::string, Cid>> order(records.begin(), records.end());
  std::mt19937 shuffler(1);
  for (int round = 0; round < 10; ++round) {
    std::ranges::shuffle(order, shuffler);
    Tree tree;
    for (const auto& [key, value] : order) ASSERT_TRUE(tree.insert(key, value));
    EXPECT_EQ(tree.root(), root);
  }
}

TEST(MstTree, LoadsAndHandsOutAWholeTree) {
  Dice dice(3);
  for (const std::size_t count : {0U, 1U, 2U, 50U, 1000U}) {
    const auto records = random_records(dice, count);
    const auto built = slow::build_tree(records);
    auto tree = Tree::load(built.root, blocks_of(built.nodes));
    ASSERT_TRUE(tree) << tree.error().message();
    EXPECT_EQ(tree->root(), built.root);
    std::unordered_map<Cid, Bytes> nodes;
    tree->each_node([&](const Cid& cid, ByteView bytes) { nodes.emplace(cid, Bytes(bytes.begin(), bytes.end())); });
    EXPECT_EQ(nodes, built.nodes);
    for (const auto& [key, value] : records) EXPECT_EQ(tree->find(key).value(), value);
    EXPECT_EQ(tree->find("app.bsky.feed.post/absent").value(), std::nullopt);
  }
}

TEST(MstTree, SliceAroundTheChangesUndoesThem) {
  Dice dice(4);
  Tree tree;
  slow::Records records;
  for (int commit = 0; commit < 1'500; ++commit) {
    const Cid before = tree.root();
    struct Change {
      std::string key;
      std::optional<Cid> was, is;
    };
    std::vector<Change> changes;
    std::vector<std::string> keys;
    for (std::size_t i = 1 + dice.below(dice.chance(5) ? 60 : 4); i > 0; --i) {
      std::string key =
          records.empty() || dice.chance(60)
              ? test::random_path(dice)
              : std::next(records.begin(), static_cast<std::ptrdiff_t>(dice.below(records.size())))->first;
      if (std::ranges::find(keys, key) != keys.end()) continue;
      keys.push_back(key);
      const bool removes = records.contains(key) && dice.chance(70);
      const auto is = removes ? std::nullopt : std::optional(value_of(dice.word()));
      const auto was = (is ? tree.insert(key, *is) : tree.remove(key)).value();
      if (is) {
        records.insert_or_assign(key, *is);
      } else {
        records.erase(key);
      }
      changes.push_back({key, was, is});
    }
    const auto nodes = slice(tree, keys);
    auto partial = Tree::load(tree.root(), blocks_of(nodes));
    ASSERT_TRUE(partial) << partial.error().message();
    for (const Change& change : changes) ASSERT_EQ(partial->find(change.key).value(), change.is);
    // Undone in any order with removals undone first, the root is the one before.
    std::mt19937 shuffler(static_cast<unsigned>(commit));
    std::ranges::shuffle(changes, shuffler);
    std::ranges::partition(changes, [](const Change& change) { return !change.is; });
    for (const Change& change : changes) {
      const auto undone = change.was ? partial->insert(change.key, *change.was) : partial->remove(change.key);
      ASSERT_TRUE(undone) << undone.error().message();
      ASSERT_EQ(*undone, change.is);
    }
    ASSERT_EQ(partial->root(), before);
    if (commit % 100 == 0) {
      ASSERT_EQ(tree.root(), slow::build_tree(records).root);
    }
  }
}

TEST(MstTree, ASliceWithoutANeededNodeIsPartialNeverWrong) {
  Dice dice(5);
  int partial = 0, unaffected = 0;
  for (int round = 0; round < 150; ++round) {
    const auto records = random_records(dice, 150);
    const auto built = slow::build_tree(records);
    auto nodes = built.nodes;
    for (std::size_t i = 1 + dice.below(nodes.size()); i > 0 && nodes.size() > 1; --i) {
      auto victim = std::next(nodes.begin(), static_cast<std::ptrdiff_t>(dice.below(nodes.size())));
      if (victim->first != built.root) nodes.erase(victim);
    }
    const auto load = [&] { return Tree::load(built.root, blocks_of(nodes)).value(); };
    const auto victim = std::next(records.begin(), static_cast<std::ptrdiff_t>(dice.below(records.size())));
    auto fewer = records;
    fewer.erase(victim->first);
    Tree tree = load();
    if (const auto removed = tree.remove(victim->first)) {
      ASSERT_EQ(*removed, victim->second);
      ASSERT_EQ(tree.root(), slow::build_tree(fewer).root);
      ++unaffected;
    } else {
      ASSERT_EQ(removed.error(), Errc::mst_partial);
      ++partial;
    }
    auto more = records;
    const std::string key = test::random_path(dice) + "new";
    more.emplace(key, value_of(1));
    tree = load();
    if (const auto inserted = tree.insert(key, value_of(1))) {
      ASSERT_EQ(*inserted, std::nullopt);
      ASSERT_EQ(tree.root(), slow::build_tree(more).root);
    } else {
      ASSERT_EQ(inserted.error(), Errc::mst_partial);
    }
    const auto found = load().find(victim->first);
    ASSERT_TRUE(found ? *found == victim->second : found.error() == Errc::mst_partial);
  }
  EXPECT_GT(partial, 20);
  EXPECT_GT(unaffected, 20);
}

/// Some records, and one key above the layer of them all and behind them.
struct HighKey {
  slow::Records records;
  std::string key;
};
HighKey with_high_key() {
  HighKey out;
  Dice dice(6);
  out.records = random_records(dice, 40);
  int top = 0;
  for (const auto& [key, value] : out.records) top = std::max(top, slow::layer(key));
  for (int i = 0; out.key.empty(); ++i) {
    std::string key = "zzz.example.record/" + std::to_string(i);
    if (slow::layer(key) > top) out.key = std::move(key);
  }
  return out;
}

TEST(MstTree, TrimsToAStubThatOnlyKnowsItsRoot) {  // 5.7
  const auto [records, high] = with_high_key();
  const Cid below = slow::build_tree(records).root;
  auto with = records;
  with.emplace(high, value_of(1));
  const auto built = slow::build_tree(with);
  // Down the pass-through nodes, but without the old root itself.
  auto nodes = built.nodes;
  ASSERT_EQ(nodes.erase(below), 1U);
  auto tree = Tree::load(built.root, blocks_of(nodes));
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->remove(high).value(), value_of(1));
  EXPECT_EQ(tree->root(), below);
  EXPECT_EQ(tree->find("a.b.c/d").error(), Errc::mst_partial);
  EXPECT_EQ(tree->insert("a.b.c/d", value_of(1)).error(), Errc::mst_partial);
  EXPECT_EQ(tree->remove("a.b.c/d").error(), Errc::mst_partial);
  int handed_out = 0;
  tree->each_node([&](const Cid&, ByteView) { ++handed_out; });
  EXPECT_EQ(handed_out, 0);
}

TEST(MstTree, TheRootMustBeThere) { EXPECT_EQ(Tree::load(value_of(1), {}).error(), Errc::block_missing); }

TEST(MstTree, TheRootIsADagCborNodeWithKeysOrNothing) {
  const Bytes empty = Node{}.encode();
  EXPECT_TRUE(Tree::load(Cid::of(Cid::Codec::dag_cbor, empty), {{Cid::of(Cid::Codec::dag_cbor, empty), empty}}));
  EXPECT_EQ(Tree::load(Cid::of(Cid::Codec::raw, empty), {{Cid::of(Cid::Codec::raw, empty), empty}}).error(),
            Errc::mst_malformed);
  const Bytes pass = Node{value_of(1), {}, {}}.encode();
  EXPECT_EQ(Tree::load(Cid::of(Cid::Codec::dag_cbor, pass), {{Cid::of(Cid::Codec::dag_cbor, pass), pass}}).error(),
            Errc::mst_malformed);
}

TEST(MstTree, EmptiedAndFilledAgain) {
  Tree tree;
  const Cid empty = tree.root();
  ASSERT_TRUE(tree.insert("a.b.c/d", value_of(1)));
  ASSERT_TRUE(tree.remove("a.b.c/d").value());
  EXPECT_EQ(tree.root(), empty);
  EXPECT_EQ(tree.remove("a.b.c/d").value(), std::nullopt);
  ASSERT_TRUE(tree.insert("a.b.c/e", value_of(1)));
  EXPECT_EQ(tree.root(), slow::build_tree({{"a.b.c/e", value_of(1)}}).root);
}

}  // namespace
}  // namespace tap::atproto::mst
