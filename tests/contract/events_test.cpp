// SPDX-License-Identifier: MIT
// Events to the byte: which keys, in which order, and when they are there (protocol 11.2).
#include "contract/contract.hpp"
#include "support/atproto/shared_dir.hpp"
#include "support/atproto/slow_cbor.hpp"

#include <algorithm>

namespace tap::test {
namespace {

using slow::Map;
using slow::Value;

constexpr const char* kPost = "app.bsky.feed.post/";

Bytes record(const Map& fields) {
  Map map = fields;
  map["$type"] = Value{std::string("app.bsky.feed.post")};
  return slow::encode(Value{map});
}
Value text(std::string value) { return {std::move(value)}; }

/// One program, one account, and all that can happen to it; the rows look at what a consumer was told.
class EventText : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<SharedTap>();
    shared_->start();
    shared_->consume();
    Account alice(1);
    (void)alice.commit({create(at("3kaaaaaaaaa2a"), record({{"text", text("hi")}}))});
    head_ = *alice.head();
    did_ = alice.did().str();
    shared_->onboard(alice);
    make(alice, create(at("3kaaaaaaaaa2b"), record({{"text", text("live")}})));
    make(alice, update(at("3kaaaaaaaaa2a"), record({{"text", text("changed")}})));
    make(alice, remove(at("3kaaaaaaaaa2b")));
    make(alice, create(at("3kaaaaaaaaa2c"), slow::encode(Value{Map{}})));
    make(alice, create(at("3kaaaaaaaaa2d"), record({{"b", {Bytes{}}}, {"c", {Bytes{1, 2, 3}}}})));
    make(alice, create(at("3kaaaaaaaaa2e"), record({{"n", {std::int64_t{9'007'199'254'740'993}}}})));
    make(alice, create(at("3kaaaaaaaaa2f"), record({{"text", text("<\u2028&\n\"é")}})));
    for (const char* status : {"takendown", "suspended", "deactivated"}) shared_->send(alice.status(false, status));
    shared_->send(alice.status(true));
    shared_->send(alice.status(false, "deleted"));
    shared_->log_.wait_until("the end", [](const Events& events) {
      return !events.empty() && !events.back().is_record && events.back().body.at("status") == "deleted";
    });
  }
  static void TearDownTestSuite() { shared_.reset(); }

  static std::string at(const std::string& rkey) { return kPost + rkey; }
  static void make(Account& account, const Write& write) {
    const auto message = account.commit({write});
    revs_.push_back(message.rev);
    cids_.push_back(message.ops.front().cid ? message.ops.front().cid->str() : "");
    shared_->send(message);
  }
  static Event event(std::size_t number) { return shared_->log_.all().at(number); }
  /// A live event, by its number; `tail` begins at the action.
  static void expect_live(std::size_t live, const std::string& rkey, const std::string& tail) {
    const Event got = event(2 + live);
    EXPECT_EQ(got.text, R"({"id":)" + std::to_string(got.id) + R"(,"type":"record","record":{"live":true,"did":")" +
                            did_ + R"(","rev":")" + revs_.at(live) + R"(","collection":"app.bsky.feed.post","rkey":")" +
                            rkey + R"(",)" + tail + "}}");
  }
  static std::string cid_of(std::size_t live) { return R"(,"cid":")" + cids_.at(live) + '"'; }
  static void expect_identity(const Event& got, const std::string& status, const char* is_active) {
    EXPECT_EQ(got.text, R"({"id":)" + std::to_string(got.id) + R"(,"type":"identity","identity":{"did":")" + did_ +
                            R"(","handle":"handle.invalid","is_active":)" + is_active + R"(,"status":")" + status +
                            R"("}})");
  }

  static inline std::unique_ptr<SharedTap> shared_;
  static inline std::string did_;
  static inline Account::Head head_;
  static inline std::vector<std::string> revs_, cids_;
};

TEST_F(EventText, IdentityOfANewRepoComesFirst) { expect_identity(event(0), "active", "true"); }
TEST_F(EventText, HistoricalCreateHasTheRevOfTheFetchedCommit) {
  const Event got = event(1);
  const std::string cid = got.body.at("cid");
  EXPECT_EQ(got.text, R"({"id":2,"type":"record","record":{"live":false,"did":")" + did_ + R"(","rev":")" +
                          head_.rev.str() +
                          R"(","collection":"app.bsky.feed.post","rkey":"3kaaaaaaaaa2a","action":"create",)"
                          R"("record":{"$type":"app.bsky.feed.post","text":"hi"},"cid":")" +
                          cid + R"("}})");
  EXPECT_TRUE(cid.starts_with("bafyrei"));
}
TEST_F(EventText, LiveCreate) {
  expect_live(0, "3kaaaaaaaaa2b",
              R"("action":"create","record":{"$type":"app.bsky.feed.post","text":"live"})" + cid_of(0));
}
TEST_F(EventText, Update) {
  expect_live(1, "3kaaaaaaaaa2a",
              R"("action":"update","record":{"$type":"app.bsky.feed.post","text":"changed"})" + cid_of(1));
}
TEST_F(EventText, DeleteHasNeitherRecordNorCid) { expect_live(2, "3kaaaaaaaaa2b", R"("action":"delete")"); }
TEST_F(EventText, EmptyRecordIsLeftOut) { expect_live(3, "3kaaaaaaaaa2c", R"("action":"create")" + cid_of(3)); }
TEST_F(EventText, BytesAlsoEmptyOnes) {
  expect_live(4, "3kaaaaaaaaa2d",
              R"("action":"create","record":{"$type":"app.bsky.feed.post","b":{"$bytes":""},"c":{"$bytes":"AQID"}})" +
                  cid_of(4));
}
TEST_F(EventText, IntegersKeepAllTheirDigits) {
  expect_live(5, "3kaaaaaaaaa2e",
              R"("action":"create","record":{"$type":"app.bsky.feed.post","n":9007199254740993})" + cid_of(5));
}
TEST_F(EventText, TextIsEscapedAsGoDoes) {
  expect_live(
      6, "3kaaaaaaaaa2f",
      R"("action":"create","record":{"$type":"app.bsky.feed.post","text":"\u003c\u2028\u0026\n\"é"})" + cid_of(6));
}
TEST_F(EventText, StatusTakendown) { expect_identity(event(9), "takendown", "false"); }
TEST_F(EventText, StatusSuspended) { expect_identity(event(10), "suspended", "false"); }
TEST_F(EventText, StatusDeactivated) { expect_identity(event(11), "deactivated", "false"); }
TEST_F(EventText, StatusActiveAgain) { expect_identity(event(12), "active", "true"); }
TEST_F(EventText, StatusDeleted) { expect_identity(event(13), "deleted", "false"); }
TEST_F(EventText, IdsGrow) {
  std::uint64_t last = 0;
  for (const Event& one : shared_->log_.all()) EXPECT_GT(one.id, std::exchange(last, one.id));
}
TEST_F(EventText, HasTheKeysOfTheProtocol) {
  TAP_SHARED_OR_SKIP(protocol, "spec/protocol.md");
  const auto whole = nlohmann::json::parse(event(2).text);
  std::size_t keys = 0;
  for (std::string row : documented_rows(protocol, "11.2")) {
    if (row == "key") continue;
    ++keys;
    const std::string prefix = "record.";
    const bool inner = row.starts_with(prefix);
    EXPECT_TRUE((inner ? whole.at("record") : whole).contains(inner ? row.substr(prefix.size()) : row)) << row;
  }
  EXPECT_EQ(keys, whole.size() + whole.at("record").size() - 1);
}

}  // namespace
}  // namespace tap::test
