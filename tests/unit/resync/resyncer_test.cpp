// SPDX-License-Identifier: MIT
// What a resync believes, writes and tells.
#include "tap/atproto/error.hpp"
#include "tap/resync/error.hpp"
#include "tap/verify/error.hpp"

#include "unit/resync/world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::State;
using test::Account;
using test::World;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A repo that was fetched once and has been lost track of since.
void fetch_then_lose(World& world, Account& account) {
  world.serve(account);
  world.start();
  world.track(account);
  world.until_state(account, State::active);
  world.stop();
  world.writer.writes.clear();
  ASSERT_TRUE(world.loop.run(world.ledger.desynchronize(world.id(account), "the test wants it so")));
}

void expect_failure(World& world, const Account& account, const std::string& error) {
  world.until_state(account, State::error);
  EXPECT_THAT(world.row(account).details.error, HasSubstr(error));
  EXPECT_EQ(world.row(account).repo.state, State::error);
  EXPECT_EQ(world.row(account).details.retries, 1U);
  EXPECT_THAT(world.row(account).records, IsEmpty());
  EXPECT_THAT(world.told(), IsEmpty());
  EXPECT_EQ(world.count("tap_resyncs_completed_total"), 0U);
}

TEST(Resyncer, MakesANewRepoActive) {
  World world;
  Account account(1);
  account.fill(2'500);
  world.serve(account);
  world.start();
  world.track(account);
  world.until_state(account, State::active);

  world.expect_in_step(account);
  EXPECT_THAT(world.told(), SizeIs(2'500));
  EXPECT_THAT(world.handles, ElementsAre(account.did().str()));
  EXPECT_EQ(world.row(account).details.retries, 0U);
  EXPECT_EQ(world.count("tap_resyncs_started_total"), 1U);
  EXPECT_EQ(world.count("tap_resyncs_completed_total"), 1U);
  EXPECT_THAT(world.metrics.text(), HasSubstr("tap_resync_duration_seconds_count 1"));
}

TEST(Resyncer, TellsTheLedgerOfAFetchBeforeItAsks) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  world.ledger.watch_fetches();
  world.http.answers.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  EXPECT_TRUE(world.ledger.has_begun_fetch(world.id(account)));
  world.ledger.watch_fetches();
  world.http.answers.gate.open();
  world.until_state(account, State::active);
  EXPECT_FALSE(world.ledger.has_begun_fetch(world.id(account))) << "the same fetch is no fetch that begins later";
}

TEST(Resyncer, WritesInBatches) {
  World world({.batch_records = 100});
  Account account(1);
  account.fill(450);
  world.serve(account);
  world.start();
  world.track(account);
  world.until_state(account, State::active);

  std::vector<std::size_t> sizes;
  for (const auto& write : world.writer.writes) {
    if (!write.events.empty()) sizes.push_back(write.events.size());
  }
  EXPECT_THAT(sizes, ElementsAre(100, 100, 100, 100, 50));
  world.expect_in_step(account);
}

TEST(Resyncer, WaitsForRoomBeforeEachBatch) {
  World world({.batch_records = 100});
  world.outbox.room.close();
  Account account(1);
  account.fill(150);
  world.serve(account);
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.outbox.room.waiting() == 1; });
  EXPECT_THAT(world.told(), IsEmpty());
  world.outbox.room.let_one_pass();
  world.loop.run_until([&] { return world.told().size() == 100 && world.outbox.room.waiting() == 1; });
  world.outbox.room.open();
  world.until_state(account, State::active);
  world.expect_in_step(account);
}

TEST(Resyncer, TellsWhatChangedSinceTheLastFetch) {
  World world;
  Account account(1);
  account.commit({test::create("app.bsky.feed.post/a", test::post_record(1)),
                  test::create("app.bsky.feed.post/b", test::post_record(2)),
                  test::create("app.bsky.feed.post/c", test::post_record(3))});
  fetch_then_lose(world, account);
  account.commit({test::update("app.bsky.feed.post/a", test::post_record(11)), test::remove("app.bsky.feed.post/b"),
                  test::create("app.bsky.feed.like/d", test::post_record(4))});
  world.serve(account);
  world.start();
  world.until_state(account, State::active);

  world.expect_in_step(account);
  EXPECT_THAT(world.told(),
              ElementsAre("create app.bsky.feed.like/d", "update app.bsky.feed.post/a", "delete app.bsky.feed.post/b"));
  EXPECT_EQ(world.row(account).details.error, "");
}

TEST(Resyncer, FoldsLiveCommitsBeforeItCompares) {
  World world;
  Account account(1);
  account.fill(3);
  fetch_then_lose(world, account);
  // A commit that was journaled, and not folded, before the repo was lost.
  const auto live = account.post();
  const repos::Head head{account.head()->rev, account.head()->data, 4};
  world.database.apply({.mutations = {store::AdvanceHead{
                            world.id(account),
                            head,
                            {{"app.bsky.feed.post", live.ops.front().path.substr(live.ops.front().path.find('/') + 1),
                              live.ops.front().cid}}}},
                        .events = {}});
  world.table.set_head(world.id(account), head);
  account.commit({test::create("app.bsky.feed.like/d", test::post_record(4))});
  world.serve(account);
  world.start();
  world.until_state(account, State::active);

  world.expect_in_step(account);
  EXPECT_THAT(world.told(), ElementsAre("create app.bsky.feed.like/d"));
}

TEST(Resyncer, WritesNoRecordsWhenTheContentIsTheSame) {
  World world;
  Account account(1);
  account.fill(20);
  account.commit({test::create("app.bsky.actor.profile/self", test::post_record(1))});  // comes first, by a high key
  fetch_then_lose(world, account);
  account.commit({});
  world.serve(account);
  world.start();
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), IsEmpty());
}

TEST(Resyncer, FetchesWantedCollectionsOnly) {
  World world({}, verify::Filter({"app.bsky.feed.like"}));
  Account account(1);
  account.fill(20);
  account.commit({test::create("app.bsky.feed.like/d", test::post_record(4))});
  world.serve(account);
  world.start();
  world.track(account);
  world.until_state(account, State::active);
  EXPECT_THAT(world.told(), ElementsAre("create app.bsky.feed.like/d"));
  EXPECT_EQ(world.row(account).repo.head->records, 1U);
}

TEST(Resyncer, FollowsAnotherFilterWithAsManyRecords) {
  World world({}, verify::Filter({"app.bsky.feed.like"}));
  Account account(1);
  account.commit({test::create("app.bsky.feed.like/a", test::post_record(1)),
                  test::create("app.bsky.feed.post/b", test::post_record(2))});
  world.serve(account);
  const auto id = world.track(account);
  EXPECT_TRUE(world.ledger.take_blank(id));  // it was not added since the start
  const auto post = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, account.records().at("app.bsky.feed.post/b"));
  // What a Tap with the other filter has left behind: the same root, the same count.
  world.database.apply({.mutations = {store::PutRecords{id, {{"app.bsky.feed.post", "b", post}}},
                                      store::SetHead{id, {account.head()->rev, account.head()->data, 1}},
                                      store::SetState{id, State::desynchronized, "", 0, 0}},
                        .events = {}});
  world.table.set_head(id, {account.head()->rev, account.head()->data, 1});
  world.table.set_state(id, State::desynchronized);
  world.start();
  world.until_state(account, State::active);

  EXPECT_THAT(world.told(), ElementsAre("create app.bsky.feed.like/a"));
  EXPECT_THAT(world.row(account).records, SizeIs(1));
  EXPECT_TRUE(world.row(account).records.contains({"app.bsky.feed.like", "a"}));
}

TEST(Resyncer, ComesBackWholeFromACrashInTheMiddle) {
  World world({.batch_records = 10});
  Account account(1);
  account.fill(30);
  fetch_then_lose(world, account);
  const Bytes before = account.full_car();
  const auto path = account.records().begin()->first;
  std::vector<test::Write> removals;
  for (const auto& [each, record] : account.records()) removals.push_back(test::remove(each));
  account.commit(removals);
  world.serve(account);
  world.outbox.room.close();
  world.start();
  world.loop.run_until([&] { return world.outbox.room.waiting() == 1; });
  world.outbox.room.let_one_pass();
  world.loop.run_until([&] { return world.told().size() == 10 && world.outbox.room.waiting() == 1; });
  world.stop();  // ten records are gone from the index and from the consumers
  EXPECT_EQ(world.repo(account).state, State::desynchronized);

  // The account takes it all back: its tree is the one of our head again.
  std::vector<test::Write> returns;
  Account twin(1);
  twin.fill(30);
  for (const auto& [each, record] : twin.records()) returns.push_back(test::create(each, record));
  account.commit(returns);
  world.serve(account);
  world.outbox.room.open();
  world.start();
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), SizeIs(20));  // ten deleted, the same ten created
}

TEST(Resyncer, RefusesARepoThatLacksANode) {
  World world;
  Account account(1);
  account.fill(200);
  world.publish(account);
  // Every block but the last one: a record or a node, and a CAR that ends well.
  const Bytes car = account.full_car(test::Order::records_first);
  auto blocks = atproto::car::parse(car).value();
  Bytes cut;
  atproto::car::Writer writer(cut, blocks.root);
  const atproto::Cid data = account.head()->data;
  for (const auto& [cid, block] : blocks.blocks) {
    if (cid != data) writer.block(cid, block);
  }
  world.serve_car(account, cut);
  world.start();
  world.track(account);
  expect_failure(world, account, "the fetched repo is incomplete: no block " + data.str());
}

TEST(Resyncer, RefusesARepoThatLacksARecord) {
  World world;
  Account account(1);
  account.fill(200);
  world.publish(account);
  const auto& [path, record] = *std::next(account.records().begin(), 123);
  const Bytes car = account.full_car();
  auto blocks = atproto::car::parse(car).value();
  Bytes cut;
  atproto::car::Writer writer(cut, blocks.root);
  for (const auto& [cid, block] : blocks.blocks) {
    if (cid != atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record)) writer.block(cid, block);
  }
  world.serve_car(account, cut);
  world.start();
  world.track(account);
  expect_failure(world, account, "the fetched repo is incomplete: no record " + path);
}

TEST(Resyncer, RefusesATransferThatWasCut) {
  World world;
  Account account(1);
  account.fill(200);
  world.publish(account);
  Bytes car = account.full_car();
  car.resize(car.size() - 1);
  world.serve_car(account, car);
  world.start();
  world.track(account);
  expect_failure(world, account, make_error_code(atproto::Errc::car_truncated).message());
}

TEST(Resyncer, RefusesTheRepoOfAnotherAccountWithTheSameKey) {
  World world;
  Account account(1);
  Account other(2);
  other.rotate(account.key());
  other.fill(5);
  account.fill(5);
  world.publish(account);
  world.serve_car(account, other.full_car());
  world.start();
  world.track(account);
  expect_failure(world, account, make_error_code(verify::Errc::mismatch).message());
}

TEST(Resyncer, RefusesACommitFromTheFuture) {
  World world;
  Account account(1);
  const auto micros = static_cast<std::uint64_t>((world.clock.wall() + 6min).time_since_epoch().count());
  account.set_next_rev(atproto::Tid(micros << 10));
  account.fill(5);
  world.serve(account);
  world.start();
  world.track(account);
  expect_failure(world, account, make_error_code(verify::Errc::future_rev).message());
}

TEST(Resyncer, RefusesASignatureOfAnotherKeyBeforeItLooksAtTheTree) {
  World world;
  Account account(1);
  account.fill(5);
  const test::SigningKey stranger(atproto::Curve::k256, 99);
  account.commit({}, {.key = stranger});
  world.publish(account);
  // No block but the commit: a walk of the tree would say so.
  Bytes car;
  atproto::car::Writer writer(car, account.head()->commit);
  writer.block(account.head()->commit, account.commit_block());
  world.serve_car(account, car);
  world.start();
  world.track(account);
  expect_failure(world, account, make_error_code(atproto::Errc::signature_mismatch).message());
  EXPECT_THAT(world.directory.refreshed, SizeIs(2));  // before the fetch, and for the signature
}

TEST(Resyncer, FindsTheNewKeyWhenItWasRotatedDuringTheFetch) {
  World world;
  world.directory.repeats = true;
  Account account(1);
  account.fill(5);
  world.publish(account);
  account.rotate(test::SigningKey(atproto::Curve::p256, 99));
  account.commit({});
  world.serve_car(account, account.full_car());
  world.http.answers.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  world.publish(account);
  world.http.answers.gate.open();
  world.until_state(account, State::active);
  world.expect_in_step(account);
}

TEST(Resyncer, RefusesASnapshotOlderThanItsHead) {
  World world;
  Account account(1);
  account.fill(5);
  const Bytes old = account.full_car();
  account.post();
  fetch_then_lose(world, account);
  world.serve_car(account, old);
  world.start();
  world.until_state(account, State::error);
  EXPECT_THAT(world.row(account).details.error, HasSubstr(make_error_code(verify::Errc::older_rev).message()));
  EXPECT_THAT(world.told(), IsEmpty());
  EXPECT_EQ(world.row(account).repo.head->rev, account.head()->rev);
}

TEST(Resyncer, SaysInTheWordsOfTheProtocolWhyAPdsRefused) {
  World world;
  Account account(1);
  world.publish(account);
  world.http.answers.answer(World::url(account), 400, R"({"error":"RepoTakendown","message":"gone"})");
  world.start();
  world.track(account);
  expect_failure(world, account, "failed to get repo: API request failed (HTTP 400): RepoTakendown: gone");
  // The error tells about the PDS's answer only: #account rules the status.
  EXPECT_EQ(world.repo(account).account, repos::Account::active);
  EXPECT_EQ(world.count("tap_resyncs_failed_total"), 1U);
}

TEST(Resyncer, SaysWhatIsMissingInTheDocument) {
  World world;
  Account without_pds(1);
  Account without_key(2);
  Account unknown(3);
  world.publish(without_pds, "");
  world.publish(without_key);
  world.directory.identities.at(without_key.did().str())->key.reset();
  world.start();
  for (const auto* account : {&without_pds, &without_key, &unknown}) world.track(*account);
  expect_failure(world, without_pds, make_error_code(Errc::no_pds).message());
  expect_failure(world, without_key, make_error_code(Errc::no_key).message());
  expect_failure(world, unknown, make_error_code(identity::Errc::not_found).message());
  EXPECT_EQ(world.count("tap_resyncs_failed_total"), 3U);
}

TEST(Resyncer, DoesNotChargeARepoForTroubleOfOurOwn) {
  World world;
  Account account(1);
  account.fill(5);
  world.serve(account);
  world.start();
  world.http.answers.gate.close();
  world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  world.writer.failures = 1;
  world.http.answers.gate.open();
  world.until_state(account, State::pending);
  EXPECT_EQ(world.row(account).details.retries, 0U);
  EXPECT_EQ(world.row(account).repo.state, State::pending);

  world.pass(31s);
  world.until_state(account, State::active);
  world.expect_in_step(account);
}

}  // namespace
}  // namespace tap::resync
