// SPDX-License-Identifier: MIT
// From the firehose and the PDS to the consumer, when all goes well.
#include "integration/tap_test.hpp"

#include <gmock/gmock.h>

namespace tap::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Follow : public TapTest {};

TEST_F(Follow, RepoWithContentIsToldIdentityFirst) {
  Account alice(1);
  alice.fill(30);
  start();
  consume();
  onboard(alice);

  const Events events = told(alice);
  ASSERT_EQ(events.size(), 31U);
  EXPECT_FALSE(events[0].is_record);
  EXPECT_EQ(events[0].body,
            (nlohmann::json{
                {"did", alice.did().str()}, {"handle", "handle.invalid"}, {"is_active", true}, {"status", "active"}}));
  for (std::size_t i = 1; i < events.size(); ++i) {
    EXPECT_FALSE(events[i].is_live());
    EXPECT_EQ(events[i].body.at("rev"), alice.head()->rev.str());
  }
  const auto info = get("/info/" + alice.did().str());
  EXPECT_EQ(info.at("records"), 30);
  EXPECT_EQ(info.at("rev"), alice.head()->rev.str());
  EXPECT_EQ(info.at("handle"), "handle.invalid");
}

TEST_F(Follow, RepoTrackedBeforeItHasContentTellsEverythingLive) {
  Account alice(1);
  alice.commit({});
  start();
  consume();
  onboard(alice);

  for (int i = 0; i < 20; ++i) send(alice.post());
  await_records(alice);

  const Events events = told(alice);
  ASSERT_EQ(events.size(), 21U);
  for (std::size_t i = 1; i < events.size(); ++i) EXPECT_TRUE(events[i].is_live()) << events[i].text;
}

TEST_F(Follow, LiveEventIsToldToTheByte) {
  Account alice(1);
  alice.commit({});
  start();
  consume();
  onboard(alice);

  const std::string path = alice.new_path();
  send(alice.commit({create(path, post_record(7, "<one> & \"only\""))}));
  await_records(alice);

  const Event event = told(alice).back();
  const auto created = event.body.at("record").at("createdAt").get<std::string>();
  const std::string rkey = path.substr(path.find('/') + 1);
  EXPECT_TRUE(event.text.starts_with(
      R"({"id":)" + std::to_string(event.id) + R"(,"type":"record","record":{"live":true,"did":")" + alice.did().str() +
      R"(","rev":")" + alice.head()->rev.str() + R"(","collection":"app.bsky.feed.post","rkey":")" + rkey +
      R"(","action":"create","record":{"$type":"app.bsky.feed.post","createdAt":")" + created))
      << event.text;
  EXPECT_THAT(event.text, ::testing::HasSubstr(R"(\u003cone\u003e \u0026 \"only\")"));
  EXPECT_TRUE(event.text.ends_with(R"(,"cid":")" + records_of_account(alice).at(path) + R"("}})")) << event.text;
}

TEST_F(Follow, CreateUpdateAndDeleteArriveInOrder) {
  Account alice(1);
  alice.fill(3);
  start();
  consume();
  onboard(alice);
  const std::size_t before = told(alice).size();

  const std::string path = alice.new_path();
  const std::string other = alice.new_path();
  send(alice.commit({create(path, post_record(100))}));
  send(alice.commit({update(path, post_record(101)), create(other, post_record(102))}));
  send(alice.commit({remove(path)}));
  send(alice.commit({create(path, post_record(103))}));
  await_records(alice);

  const Events all = told(alice);
  const Events live(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  EXPECT_THAT(actions_of(live),
              ElementsAre("create " + path, "update " + path, "create " + other, "delete " + path, "create " + path));
  ASSERT_EQ(live.size(), 5U);
  EXPECT_FALSE(live[3].body.contains("cid"));
  EXPECT_FALSE(live[3].body.contains("record"));
}

TEST_F(Follow, ManyReposTogetherAllComeOutRight) {
  constexpr std::size_t kAccounts = 12;
  std::vector<Account> accounts;
  std::vector<std::string> dids;
  for (std::size_t i = 0; i < kAccounts; ++i) {
    // P-256 signs a third of the network.
    accounts.emplace_back(i + 1, i % 3 == 0 ? atproto::Curve::p256 : atproto::Curve::k256).fill(40 + i);
    publish(accounts[i]);
    dids.push_back(accounts[i].did().str());
  }
  start();
  consume();
  track(dids);
  for (const Account& account : accounts) await_records(account);
  for (const Account& account : accounts) await_state(account, "active");

  for (std::size_t round = 0; round < 10; ++round) {
    for (Account& account : accounts) {
      send(account.post());
      const std::string path = account.records().begin()->first;
      send(account.commit({round % 2 == 0 ? update(path, post_record(10'000 + round)) : remove(path)}));
    }
  }
  for (const Account& account : accounts) await_records(account);
  await_undelivered(0);
  EXPECT_EQ(ids_of(log_.all()).size(), log_.all().size());
}

TEST_F(Follow, OnlyFilteredCollectionsAreTold) {
  Account alice(1);
  const std::string like = "app.bsky.feed.like/3kaaaaaaaaa2a";
  alice.commit({create(alice.new_path(), post_record(1)), create("app.bsky.actor.profile/self", post_record(2))});
  publish(alice);
  start({"--collection-filters", "app.bsky.feed.*"});
  consume();
  track(alice);
  await_state(alice, "active");
  send(alice.commit({create("app.bsky.graph.follow/3kaaaaaaaaa2a", post_record(3))}));
  send(alice.commit({create(like, post_record(4))}));
  log_.wait_until("the like",
                  [&](const Events& events) { return records_of(events, alice.did().str()).contains(like); });

  for (const auto& [path, cid] : records_of(log_.all(), alice.did().str())) {
    EXPECT_TRUE(path.starts_with("app.bsky.feed.")) << path;
  }
  EXPECT_EQ(get("/stats/record-count").at("record_count"), 2);
}

TEST_F(Follow, FetchTimeoutOfZeroIsTheUsualOne) {
  Account alice(1);
  alice.fill(3);
  start({"--repo-fetch-timeout", "0"});
  consume();
  onboard(alice);
  EXPECT_EQ(get("/info/" + alice.did().str()).at("retries"), 0);
}

TEST_F(Follow, UntrackedReposAreNotTold) {
  Account alice(1);
  Account stranger(2);
  alice.commit({});
  stranger.commit({});
  start();
  consume();
  onboard(alice);

  send(stranger.post());
  send(alice.post());
  await_records(alice);
  EXPECT_THAT(told(stranger), IsEmpty());
}

}  // namespace
}  // namespace tap::test
