// SPDX-License-Identifier: MIT
#include "store/original/mapping.hpp"
#include "support/original_database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::store::original {
namespace {

using namespace std::chrono_literals;
using repos::Account;
using repos::State;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};
constexpr const char* kDid = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

std::string tid_at(WallTime time) {
  return atproto::Tid(static_cast<std::uint64_t>(time.time_since_epoch().count()) << 10).str();
}
const atproto::Cid kCid = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, as_bytes("data"));

struct Text {
  std::string rev = tid_at(kNow - 1h);
  std::string data = kCid.str();
  [[nodiscard]] RepoRow row(std::string_view state, std::string_view status = "active") const {
    return {.did = kDid,
            .state = state,
            .status = status,
            .handle = "a.example.com",
            .rev = rev,
            .prev_data = data,
            .error = {}};
  }
};

TEST(MapRepo, StatesAreOurs) {
  const Text text;
  const std::vector<std::pair<std::string, State>> states = {{"pending", State::pending},
                                                             {"desynchronized", State::desynchronized},
                                                             {"resyncing", State::desynchronized},
                                                             {"active", State::active},
                                                             {"error", State::error}};
  for (const auto& [theirs, ours] : states) {
    const auto repo = map_repo(text.row(theirs), kNow);
    ASSERT_TRUE(repo);
    EXPECT_EQ(repo->state, ours) << theirs;
    EXPECT_EQ(repo->head, (repos::Head{*atproto::Tid::parse(text.rev), kCid, 0}));
    EXPECT_THAT(repo->flaw, IsEmpty()) << theirs;
  }
}

TEST(MapRepo, StatusIsKeptBesideTheState) {
  const Text text;
  const std::vector<std::pair<std::string, Account>> statuses = {{"active", Account::active},
                                                                 {"takendown", Account::takendown},
                                                                 {"suspended", Account::suspended},
                                                                 {"deactivated", Account::deactivated}};
  for (const auto& [theirs, ours] : statuses) {
    const auto repo = map_repo(text.row("active", theirs), kNow);
    EXPECT_EQ(repo->account, ours);
    EXPECT_EQ(repo->state, State::active);
  }
}

TEST(MapRepo, WhatIsUnknownIsFetchedAgain) {
  const Text text;
  for (const auto& row : {text.row("takendown"), text.row(""), text.row("ACTIVE"), text.row("active", "deleted"),
                          text.row("active", "asleep"), text.row("active", "")}) {
    const auto repo = map_repo(row, kNow);
    EXPECT_EQ(repo->state, State::desynchronized) << row.state << row.status;
    EXPECT_EQ(repo->account, Account::active);
    EXPECT_THAT(repo->error, HasSubstr("unknown"));
    EXPECT_TRUE(repo->head) << "the head is as good as before";
  }
}

TEST(MapRepo, ActiveRepoNeedsAHead) {
  for (const auto& [rev, data] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"yesterday", kCid.str()}, {tid_at(kNow), "bafynope"}, {tid_at(kNow), ""}, {"", kCid.str()}}) {
    const auto repo = map_repo(Text{rev, data}.row("active"), kNow);
    EXPECT_EQ(repo->state, State::desynchronized) << rev << ' ' << data;
    EXPECT_FALSE(repo->head);
    EXPECT_FALSE(repo->flaw.empty());
  }
  const auto fresh = map_repo(Text{"", ""}.row("pending"), kNow);
  EXPECT_EQ(fresh->state, State::pending);
  EXPECT_TRUE(fresh->flaw.empty());
}

TEST(MapRepo, HeadOfTheFutureWouldHideEveryCommitAndIsDropped) {
  EXPECT_TRUE(map_repo(Text{.rev = tid_at(kNow + 4min)}.row("active"), kNow)->head);
  const auto repo = map_repo(Text{.rev = tid_at(kNow + 6min)}.row("active"), kNow);
  EXPECT_FALSE(repo->head);
  EXPECT_EQ(repo->state, State::desynchronized);
}

TEST(MapRepo, HandlesAreVerifiedWhereTheOriginalHasNone) {
  const Text text;
  RepoRow row = text.row("active");
  EXPECT_EQ(map_repo(row, kNow)->handle, "a.example.com");
  EXPECT_FALSE(map_repo(row, kNow)->handle_due);
  row.handle = "handle.invalid";
  EXPECT_EQ(map_repo(row, kNow)->handle, "handle.invalid");
  EXPECT_TRUE(map_repo(row, kNow)->handle_due) << "it may have been a passing failure";
  for (const char* none : {"", "no handle", "localhost"}) {
    row.handle = none;
    EXPECT_EQ(map_repo(row, kNow)->handle, "");
    EXPECT_TRUE(map_repo(row, kNow)->handle_due);
    EXPECT_EQ(map_repo(row, kNow)->state, State::active);
  }
}

TEST(MapRepo, FailuresKeepTheirReasonAndTheirTime) {
  const Text text;
  RepoRow row = text.row("error");
  row.error = "failed to get repo";
  row.retries = 5;
  row.retry_after = 1'790'000'600;
  const auto repo = map_repo(row, kNow);
  EXPECT_EQ(repo->error, "failed to get repo");
  EXPECT_EQ(repo->retries, 5U);
  EXPECT_EQ(repo->retry_after, 1'790'000'600);
  row.retries = -1;
  row.retry_after = 99'999'999'999;
  EXPECT_EQ(map_repo(row, kNow)->retries, 0U);
  EXPECT_EQ(map_repo(row, kNow)->retry_after, 0) << "nobody waits so long";
  const std::string filler(999, 'x');
  const std::string long_reason = filler + "\xc3\xa9";
  row.error = long_reason;
  EXPECT_EQ(map_repo(row, kNow)->error, filler) << "half a character";
}

TEST(MapRepo, WithoutADidThereIsNothingToFetch) {
  const Text text;
  RepoRow row = text.row("pending");
  for (const char* did : {"", "alice.example.com", "did:", "did:plc:a b"}) {
    row.did = did;
    EXPECT_FALSE(map_repo(row, kNow)) << did;
  }
}

TEST(MapRecord, UnreadableContentIsToBeToldAgain) {
  const std::string cid = kCid.str();
  RecordRow row{.did = kDid, .collection = "app.bsky.feed.post", .rkey = "self", .cid = cid};
  EXPECT_EQ(map_record(row)->change.cid, kCid);
  EXPECT_TRUE(map_record(row)->flaw.empty());
  row.cid = "bafkqaaa";
  EXPECT_EQ(map_record(row)->change.cid, unknown_content());
  EXPECT_FALSE(map_record(row)->flaw.empty());
  row.rkey = "a/b";
  EXPECT_FALSE(map_record(row));
  row.rkey = "self";
  row.collection = "posts";
  EXPECT_FALSE(map_record(row));
}

TEST(HeldCommits, AreNewsAboveTheHeadOnly) {
  const auto news = [](std::string_view json) {
    return is_news({.head = *atproto::Tid::parse("3kb3fge5lm32x"), .beginning = json});
  };
  EXPECT_FALSE(news(R"({"did":"did:plc:a","rev":"3kb3fge5lm32x","data_cid":")"));
  EXPECT_FALSE(news(R"({"did":"did:plc:a","rev":"3ka3fge5lm32x","data_cid":"x","ops":[{"rev":"3zz3fge5lm32x"}]})"));
  EXPECT_TRUE(news(R"({"did":"did:plc:a","rev":"3kc3fge5lm32x"})"));
  EXPECT_TRUE(news(R"({"did":"did:plc:a","rev":"nonsense"})"));
  EXPECT_TRUE(news(R"({"did":)"));
  EXPECT_TRUE(is_news({.beginning = R"({"rev":"3ka3fge5lm32x"})"}));
}

Event map(std::int64_t id, std::string_view data, bool live = false) {
  return map_event({.id = id, .live = live, .did = kDid, .data = data});
}

TEST(MapEvent, KeepsIdAndBytes) {
  const std::string data = test::OriginalEvent{.id = 7, .did = kDid, .cid = kCid.str()}.data();
  const Event event = map(7, data, true);
  EXPECT_THAT(event.flaw, IsEmpty());
  EXPECT_EQ(event.id, outbox::EventId{7});
  EXPECT_EQ("{\"id\":7" + event.draft.body, data);
  EXPECT_EQ(event.draft.lane, outbox::lane_of(kDid));
  EXPECT_EQ(event.draft.order, outbox::Order::barrier);
  EXPECT_EQ(map(7, data, false).draft.order, outbox::Order::historical);
}

TEST(MapEvent, IdentityIsABarrierAndHasAHandle) {
  const std::string identity =
      R"({"id":8,"type":"identity","identity":{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","handle":"HANDLE","is_active":false,"status":"takendown"}})";
  const auto with = [&](const std::string& handle) {
    return std::string(identity).replace(identity.find("HANDLE"), 6, handle);
  };
  const Event event = map(8, with("a.example.com"));
  EXPECT_EQ(event.draft.order, outbox::Order::barrier);
  EXPECT_EQ("{\"id\":8" + event.draft.body, with("a.example.com"));
  EXPECT_EQ("{\"id\":8" + map(8, with("")).draft.body, with("handle.invalid"))
      << "no consumer takes an empty one (8.4 item 52)";
}

TEST(MapEvent, WhatCannotBeSentHasAFlaw) {
  const std::string good = test::OriginalEvent{.id = 7, .did = kDid, .cid = kCid.str()}.data();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(map(7, std::string_view(good).substr(0, size)).flaw.empty()) << size;
  }
  EXPECT_FALSE(map(7, good + "x").flaw.empty());
  EXPECT_FALSE(map(7, "{ \"id\":7,\"type\":\"record\",\"record\":{}}").flaw.empty());
  EXPECT_FALSE(map(7, R"({"id":7,"type":"storm","storm":{}})").flaw.empty());
  EXPECT_FALSE(map(7, R"({"id":7,"type":"record","record":{"text":")"
                      "\xff"
                      R"("}})")
                   .flaw.empty());
  for (const std::int64_t id : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 53}) {
    EXPECT_FALSE(map(id, good).flaw.empty()) << id;
  }
  EXPECT_FALSE(map_event({.id = 7, .did = "alice", .data = good}).flaw.empty());
}

TEST(MapEvent, TornEventStillNamesItsRecord) {
  const std::string data = test::OriginalEvent{.id = 7, .did = kDid, .rkey = "self", .cid = kCid.str()}.data();
  const auto of = [&](std::size_t size) {
    return record_of({.did = kDid, .data = std::string_view(data).substr(0, size)});
  };
  const auto record = of(data.size() - 1);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->collection, "app.bsky.feed.post");
  EXPECT_EQ(record->rkey, "self");
  EXPECT_EQ(record->cid, unknown_content());
  EXPECT_FALSE(of(data.find("rkey")));
}

TEST(FirstFree, LiesAboveEveryIdThatWasGiven) {
  const auto free = [](EventIds ids) { return static_cast<std::uint64_t>(first_free(ids)); };
  EXPECT_EQ(free({.left = 0, .given = 0}), 1U);
  EXPECT_EQ(free({.left = 17, .given = 4'000}), 4'001U);
  EXPECT_EQ(free({.left = 17, .given = 3}), 18U);
  EXPECT_GT(free({.left = 17}), 1'000'000'000'000U) << "how many were acked since is not known";
  EXPECT_GT(free({.left = std::int64_t{1} << 60, .given = std::int64_t{1} << 60}), 1'000'000'000'000U);
  EXPECT_LT(free({.left = (std::int64_t{1} << 53) - 1}), std::uint64_t{1} << 54);
}

}  // namespace
}  // namespace tap::store::original
