// SPDX-License-Identifier: MIT
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/slow_mst.hpp"

#include <gtest/gtest.h>

namespace tap::atproto::mst {
namespace {

using test::Dice;
namespace slow = test::slow;

const Cid kValue = Cid::of(Cid::Codec::dag_cbor, as_bytes("value"));

slow::Value link(const Cid& cid) {
  const auto bytes = cid.bytes();
  return {slow::Link{Bytes(bytes.begin(), bytes.end())}};
}
slow::Value null() { return {slow::Null{}}; }
slow::Value bytes(std::string_view text) { return {Bytes(as_bytes(text).begin(), as_bytes(text).end())}; }

slow::Map entry(std::int64_t prefix, std::string_view suffix, slow::Value right = {slow::Null{}}) {
  return {{"k", bytes(suffix)}, {"p", {prefix}}, {"t", std::move(right)}, {"v", link(kValue)}};
}
Bytes node(std::vector<slow::Map> entries, slow::Value left = {slow::Null{}}) {
  slow::Array array;
  for (auto& item : entries) array.push_back({std::move(item)});
  return slow::encode({slow::Map{{"e", {std::move(array)}}, {"l", std::move(left)}}});
}

bool malformed(const Bytes& block) {
  const auto decoded = Node::decode(block);
  return !decoded && decoded.error() == Errc::mst_malformed;
}

/// A key of this layer, found by trying.
std::string key_at(int layer, std::string_view prefix = "k") {
  for (int i = 0;; ++i) {
    std::string key = std::string(prefix) + std::to_string(i);
    if (slow::layer(key) == layer) return key;
  }
}

TEST(MstLayer, EqualsTheSlowWayAndTheKnownOnes) {
  EXPECT_EQ(layer_of("2653ae71"), 0);
  EXPECT_EQ(layer_of("blue"), 1);
  EXPECT_EQ(layer_of("app.bsky.feed.post/454397e440ec"), 4);
  EXPECT_EQ(layer_of("app.bsky.feed.post/9adeb165882c"), 8);
  EXPECT_EQ(layer_of(""), 0);
  for (int i = 0; i < 3'000; ++i) ASSERT_EQ(layer_of(std::to_string(i)), slow::layer(std::to_string(i)));
}

TEST(MstNode, EmptyTreeAndOneKeyTreeHaveTheirKnownForms) {
  EXPECT_EQ(Node{}.encode(), test::hex("a26165806 16cf6"));
  const auto value = Cid::parse("bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454").value();
  const Node one{{}, {{"com.example.record/3jqfcqzm3fo2j", value, {}}}, {}};
  EXPECT_EQ(Cid::of(Cid::Codec::dag_cbor, one.encode()).str(),
            "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu");
}

TEST(MstNode, DecodesWhatTheSlowBuilderMakes) {
  Dice dice(1);
  slow::Records records;
  for (int i = 0; i < 2'000; ++i)
    records.emplace(test::random_path(dice), Cid::of(Cid::Codec::dag_cbor, dice.bytes(4)));
  const auto built = slow::build_tree(records);
  ASSERT_GT(built.nodes.size(), 100U);
  std::size_t keys = 0;
  for (const auto& [cid, block] : built.nodes) {
    const auto decoded = Node::decode(block);
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(decoded->encode(), block);
    for (const auto& item : decoded->entries) {
      EXPECT_EQ(records.at(item.key), item.value);
      EXPECT_EQ(slow::layer(item.key), decoded->layer);
    }
    keys += decoded->entries.size();
  }
  EXPECT_EQ(keys, records.size());
}

TEST(MstNode, PrefixIsWithinThePreviousKeyAndWhole) {  // rules 1 and 2; 8.4 item 2
  EXPECT_FALSE(malformed(node({entry(0, key_at(0))})));
  EXPECT_TRUE(malformed(node({entry(1, key_at(0))})));
  EXPECT_TRUE(malformed(node({entry(-1, key_at(0))})));
  EXPECT_TRUE(malformed(node({entry(INT64_MAX, key_at(0))})));
  EXPECT_TRUE(malformed(node({entry(INT64_MIN, key_at(0))})));
  const std::string first = key_at(0, "ab");
  const std::string second = key_at(0, "ac");
  EXPECT_FALSE(malformed(node({entry(0, first), entry(1, second.substr(1))})));
  EXPECT_TRUE(malformed(node({entry(0, first), entry(0, second)})));  // compressed too little
  EXPECT_TRUE(malformed(node({entry(0, first), entry(static_cast<std::int64_t>(first.size()) + 1, "z")})));
}

TEST(MstNode, KeysAscend) {  // rule 3
  const std::string first = key_at(0, "ab");
  const std::string second = key_at(0, "ac");
  EXPECT_TRUE(malformed(node({entry(0, second), entry(1, first.substr(1))})));
  EXPECT_TRUE(malformed(node({entry(0, first), entry(static_cast<std::int64_t>(first.size()), "")})));
}

TEST(MstNode, KeysAreNeitherEmptyNorTooLong) {  // rule 4
  EXPECT_TRUE(malformed(node({entry(0, "")})));
  const std::string longest = key_at(0, std::string(1020, 'a')).substr(0, 1020);
  EXPECT_FALSE(malformed(node({entry(0, key_at(0, std::string(1000, 'a')))})));
  EXPECT_TRUE(malformed(node({entry(0, longest + "bcdef")})));
}

TEST(MstNode, KeysShareOneLayer) {  // rule 5
  const std::string low = key_at(0, "a");
  const std::string high = key_at(1, "b");
  EXPECT_FALSE(malformed(node({entry(0, low)})));
  EXPECT_FALSE(malformed(node({entry(0, high)})));
  EXPECT_TRUE(malformed(node({entry(0, low), entry(0, high)})));
}

TEST(MstNode, LayerZeroHasNoChildren) {  // rule 8
  EXPECT_TRUE(malformed(node({entry(0, key_at(0))}, link(kValue))));
  EXPECT_TRUE(malformed(node({entry(0, key_at(0), link(kValue))})));
  EXPECT_FALSE(malformed(node({entry(0, key_at(1), link(kValue))}, link(kValue))));
}

TEST(MstNode, LinksAreOfTheBlessedForm) {  // rule 10
  const Cid raw = Cid::of(Cid::Codec::raw, {});
  EXPECT_TRUE(malformed(node({}, link(raw))));
  EXPECT_TRUE(malformed(node({entry(0, key_at(1), link(raw))})));
  EXPECT_TRUE(malformed(node({}, {slow::Link{test::hex("01711200")}})));  // 8.4 item 1
  slow::Map with_value = entry(0, key_at(0));
  with_value["v"] = {slow::Link{test::hex("01711200")}};
  EXPECT_TRUE(malformed(node({with_value})));
  with_value["v"] = null();
  EXPECT_TRUE(malformed(node({with_value})));
}

TEST(MstNode, FieldsAreExactlyThese) {  // rule 11
  const slow::Map good = entry(0, key_at(0));
  for (const char* key : {"k", "p", "t", "v"}) {
    slow::Map fewer = good;
    fewer.erase(key);
    EXPECT_TRUE(malformed(node({fewer}))) << key;
    slow::Map wrong = good;
    wrong[key] = {slow::Array{}};
    EXPECT_TRUE(malformed(node({wrong}))) << key;
    slow::Map renamed = fewer;
    renamed["x"] = good.at(key);
    EXPECT_TRUE(malformed(node({renamed}))) << key;
  }
  slow::Map more = good;
  more["z"] = null();
  EXPECT_TRUE(malformed(node({more})));
  EXPECT_TRUE(malformed(slow::encode({slow::Map{{"e", {slow::Array{}}}}})));
  EXPECT_TRUE(malformed(slow::encode({slow::Map{{"l", null()}}})));
  EXPECT_TRUE(malformed(slow::encode({slow::Map{{"e", {slow::Array{}}}, {"l", null()}, {"x", null()}}})));
  EXPECT_TRUE(malformed(slow::encode({slow::Map{{"e", null()}, {"l", null()}}})));
  EXPECT_TRUE(malformed(node({{}})));
  Bytes trailing = node({good});
  trailing.push_back(0);
  EXPECT_TRUE(malformed(trailing));
  EXPECT_TRUE(malformed({}));
}

TEST(MstNode, EntriesAreLimited) {  // rule 12
  const auto entries = [](std::size_t count) {
    // Keys a0, a1, ... of layer 0, in byte order, each compressed against its predecessor.
    std::vector<std::string> keys;
    for (std::size_t i = 0; keys.size() < count; ++i) {
      char key[16];
      std::snprintf(key, sizeof key, "a%08zu", i);
      if (slow::layer(key) == 0) keys.emplace_back(key);
    }
    std::vector<slow::Map> out;
    std::string previous;
    for (const std::string& key : keys) {
      std::size_t prefix = 0;
      while (prefix < previous.size() && previous[prefix] == key[prefix]) ++prefix;
      out.push_back(entry(static_cast<std::int64_t>(prefix), key.substr(prefix)));
      previous = key;
    }
    return out;
  };
  EXPECT_FALSE(malformed(node(entries(kMaxEntries))));
  EXPECT_TRUE(malformed(node(entries(kMaxEntries + 1))));
}

TEST(MstNode, WhatItAcceptsItEncodesAlike) {
  Dice dice(2);
  const std::string first = key_at(1, "ab");
  const std::string second = key_at(1, "ac");
  const Bytes good = node({entry(0, first, link(kValue)), entry(1, second.substr(1))}, link(kValue));
  ASSERT_FALSE(malformed(good));
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Bytes block = test::mutate(dice, good);
    const auto decoded = Node::decode(block);
    if (!decoded) continue;
    ++accepted;
    ASSERT_EQ(decoded->encode(), block);
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace tap::atproto::mst
