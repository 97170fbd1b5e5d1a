// SPDX-License-Identifier: MIT
// Streams of real signed messages, as JSON, from the vectors of a relay.
#include "tap/atproto/car.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"
#include "tap/verify/commit.hpp"
#include "tap/verify/error.hpp"
#include "tap/verify/sync.hpp"

#include "support/atproto/files.hpp"
#include "support/atproto/messages.hpp"
#include "support/atproto/shared_dir.hpp"
#include "support/atproto/slow_cbor.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tap::verify {
namespace {

using atproto::Cid;
using nlohmann::json;
namespace slow = test::slow;

constexpr const char* kScenarios = "vectors/indigo/cmd/relay/testing/testdata";
constexpr const char* kCommits = "vectors/indigo/atproto/repo/testdata";

/// The JSON form of data, back in CBOR.
slow::Value value_of(const json& item) {
  if (item.is_null()) return {slow::Null{}};
  if (item.is_boolean()) return {item.get<bool>()};
  if (item.is_number()) return {item.get<std::int64_t>()};
  if (item.is_string()) return {item.get<std::string>()};
  if (item.is_array()) {
    slow::Array items;
    for (const json& inner : item) items.push_back(value_of(inner));
    return {std::move(items)};
  }
  if (item.contains("$bytes")) return {test::from_base64(item["$bytes"])};
  if (item.contains("$link")) {
    const auto bytes = Cid::parse(item["$link"].get<std::string>()).value().bytes();
    return {slow::Link{Bytes(bytes.begin(), bytes.end())}};
  }
  slow::Map fields;
  for (const auto& [key, inner] : item.items()) fields.insert_or_assign(key, value_of(inner));
  return {std::move(fields)};
}

/// One message of a scenario as it comes over the wire.
struct Message {
  Bytes frame;
  bool drop = false;
};

struct Scenario {
  atproto::PublicKey key;
  std::vector<Message> messages;
};

Scenario load(const std::filesystem::path& file) {
  const json scenario = test::read_json(file);
  const json& key = scenario["accounts"][0]["identity"]["keys"]["atproto"];
  Scenario out{
      atproto::PublicKey::parse_method(key["type"].get<std::string>(), key["publicKeyMultibase"].get<std::string>())
          .value(),
      {}};
  for (const json& message : scenario["messages"]) {
    const json& frame = message["frame"];
    out.messages.push_back(
        {test::message_frame(frame["header"]["t"].get<std::string>(), slow::encode(value_of(frame["body"]))),
         message["drop"].get<bool>()});
  }
  return out;
}

Result<VerifiedCommit> check(const Message& message, const atproto::PublicKey& key) {
  const auto head = atproto::read_frame_head(message.frame);
  if (!head) return std::unexpected(head.error());
  EXPECT_EQ(head->kind, atproto::EventKind::commit);
  const auto event = atproto::decode_commit(head->body);
  if (!event) return std::unexpected(event.error());
  return check_commit(*event, key, {});
}

TEST(Scenarios, TheLifeOfAPostVerifiesAndChains) {
  TAP_SHARED_OR_SKIP(root, kScenarios);
  const Scenario scenario = load(root / "post_lifecycle.json");
  ASSERT_EQ(scenario.messages.size(), 6U);
  std::optional<VerifiedCommit> last;
  for (const Message& message : scenario.messages) {
    auto verified = check(message, scenario.key);
    ASSERT_TRUE(verified) << verified.error().message();
    if (last) {
      EXPECT_EQ(verified->prev_data, last->data);
      EXPECT_EQ(verified->since, last->rev);
    }
    last = std::move(*verified);
  }
  EXPECT_EQ(last->ops.size(), 3U);
}

TEST(Scenarios, AnotherRevThanTheCommitsIsAMismatch) {
  TAP_SHARED_OR_SKIP(root, kScenarios);
  const Scenario scenario = load(root / "rev_ordering.json");
  ASSERT_EQ(scenario.messages.size(), 4U);
  for (const Message& message : scenario.messages) {
    const auto verified = check(message, scenario.key);
    if (message.drop) {
      ASSERT_FALSE(verified);
      // One of them is no TID at all.
      EXPECT_TRUE(verified.error() == Errc::mismatch || verified.error() == Errc::malformed);
    } else {
      EXPECT_TRUE(verified) << verified.error().message();
    }
  }
}

TEST(Scenarios, AnAccountComesAndGoes) {
  TAP_SHARED_OR_SKIP(root, kScenarios);
  const Scenario scenario = load(root / "account_lifecycle.json");
  ASSERT_EQ(scenario.messages.size(), 4U);
  const auto body = [&](std::size_t i) { return atproto::read_frame_head(scenario.messages[i].frame)->body; };
  EXPECT_EQ(atproto::decode_identity(body(0))->handle, "pengua.bsky.social");
  EXPECT_TRUE(atproto::decode_account(body(1))->active);
  const auto sync = atproto::decode_sync(body(2));
  ASSERT_TRUE(sync);
  EXPECT_EQ(sync->blocks.size(), 285U);
  EXPECT_TRUE(check_sync(*sync, scenario.key));
  const auto deleted = atproto::decode_account(body(3));
  EXPECT_FALSE(deleted->active);
  EXPECT_EQ(deleted->status, "deleted");
}

TEST(Scenarios, LegacyCommitsAreSignedButNotBelieved) {  // 8.4 item 7
  TAP_SHARED_OR_SKIP(root, kScenarios);
  int commits = 0;
  for (const char* file : {"post_lifecycle_legacy.json", "legacy.json", "deactivation.json"}) {
    const Scenario scenario = load(root / file);
    for (const Message& message : scenario.messages) {
      if (atproto::read_frame_head(message.frame)->kind != atproto::EventKind::commit) continue;
      ++commits;
      EXPECT_EQ(check(message, scenario.key).error(), Errc::legacy) << file;
    }
  }
  EXPECT_EQ(commits, 13);
}

/// The operations of a commit without a key, undone on its partial tree: the root before, or why not.
Result<Cid> invert(const json& body) {
  const Bytes payload = slow::encode(value_of(body));
  const auto event = atproto::decode_commit(payload).value();
  const auto car = atproto::car::parse(event.blocks).value();
  const auto commit = atproto::Commit::decode(car.blocks.at(car.root)).value();
  EXPECT_EQ(car.root, event.commit);
  auto tree = atproto::mst::Tree::load(commit.data, car.blocks).value();
  for (const auto& op : event.ops) {
    EXPECT_EQ(op.action, atproto::Action::create);
    EXPECT_EQ(tree.find(op.path).value(), op.cid);
    auto removed = tree.remove(op.path);
    if (!removed) return std::unexpected(removed.error());
  }
  return tree.root();
}

TEST(Scenarios, ACommitThatTrimsToAStubInverts) {
  TAP_SHARED_OR_SKIP(root, kCommits);
  EXPECT_EQ(invert(test::read_json(root / "firehose_commit_4623075231.json")).value().str(),
            "bafyreicfeeojgjj7gtgl6go25tk5jmcuoytjp5hhulbdd7gwzk7gtqw3ka");
}

TEST(Scenarios, CommitsWithoutTheirNeighboursArePartial) {
  TAP_SHARED_OR_SKIP(root, kCommits);
  for (const char* seq : {"4621317030", "4621317332", "4621332152"}) {
    const auto inverted = invert(test::read_json(root / ("firehose_commit_" + std::string(seq) + ".json")));
    ASSERT_FALSE(inverted) << seq;
    EXPECT_EQ(inverted.error(), atproto::Errc::mst_partial);
  }
}

}  // namespace
}  // namespace tap::verify
