// SPDX-License-Identifier: MIT
// What happens to a repo while it is being fetched.
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

class ResyncerLive : public testing::Test {
 protected:
  /// The fetch is under way and holds the repo as it is now.
  void begin_fetch() {
    world.serve(account);
    world.http.answers.gate.close();
    world.start();
    world.track(account);
    world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
    ASSERT_EQ(world.repo(account).state, State::resyncing);
    ASSERT_EQ(world.row(account).repo.state, State::pending);
  }
  void end_fetch() { world.http.answers.gate.open(); }

  World world;
  Account account{1};
};

TEST_F(ResyncerLive, JoinsLiveCommitsOnceBehindTheSnapshot) {
  account.commit({test::create("app.bsky.feed.post/a", test::post_record(1))});
  begin_fetch();
  const auto first = account.commit({test::create("app.bsky.feed.post/b", test::post_record(2))});
  const auto second = account.commit({test::remove("app.bsky.feed.post/a")});
  for (const auto* message : {&first, &second, &second}) world.buffer(*message, account);
  end_fetch();
  world.until_state(account, State::active);

  world.expect_in_step(account);
  EXPECT_THAT(world.told(), ElementsAre("create app.bsky.feed.post/a", "create app.bsky.feed.post/b live",
                                        "delete app.bsky.feed.post/a live"));
}

TEST_F(ResyncerLive, PassesOverLiveCommitsThatTheSnapshotContains) {
  const auto early = account.commit({test::create("app.bsky.feed.post/a", test::post_record(1))});
  begin_fetch();
  world.buffer(early, account);
  end_fetch();
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), ElementsAre("create app.bsky.feed.post/a"));
}

TEST_F(ResyncerLive, FetchesAgainWhenLiveCommitsHaveAGap) {
  account.commit({test::create("app.bsky.feed.post/a", test::post_record(1))});
  begin_fetch();
  account.commit({test::create("app.bsky.feed.post/b", test::post_record(2))});  // lost
  world.buffer(account.commit({test::create("app.bsky.feed.post/c", test::post_record(3))}), account);
  end_fetch();
  world.until_state(account, State::desynchronized);
  EXPECT_EQ(world.row(account).repo.state, State::desynchronized);
  EXPECT_THAT(world.row(account).buffered, IsEmpty());
  EXPECT_EQ(world.row(account).details.retries, 1U);
  EXPECT_NE(world.row(account).details.error, "");
  EXPECT_EQ(world.count("tap_resync_replays_failed_total"), 1U);

  world.serve(account);
  world.pass(3s);
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(),
              ElementsAre("create app.bsky.feed.post/a", "create app.bsky.feed.post/b", "create app.bsky.feed.post/c"));
}

TEST_F(ResyncerLive, FetchesAgainWhatIsOlderThanWhatWasSeen) {
  account.fill(3);
  const Bytes old = account.full_car();
  account.post();
  const Bytes now = account.full_car();
  world.publish(account);
  world.serve_car(account, old);
  const auto id = world.track(account);
  world.ledger.seen_revs().saw(id, account.head()->rev);
  world.start();
  world.until_state(account, State::desynchronized);
  EXPECT_EQ(world.row(account).repo.state, State::desynchronized);
  EXPECT_THAT(world.row(account).details.error, HasSubstr("older repo than was seen"));
  EXPECT_THAT(world.told(), SizeIs(3));
  EXPECT_EQ(world.count("tap_resync_behind_total"), 1U);

  world.serve_car(account, now);
  world.pass(2s);
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), SizeIs(4));
  EXPECT_EQ(world.ledger.seen_revs().size(), 0U);
}

TEST_F(ResyncerLive, TakesAnOldRepoAsItIsWhenThereIsNoBetter) {
  account.fill(3);
  world.serve(account);
  const auto id = world.track(account);
  world.ledger.seen_revs().saw(id, atproto::Tid(~std::uint64_t{0} >> 1));
  world.start();
  for (const auto wait : {2s, 4s, 8s}) {
    world.until_state(account, State::desynchronized);
    world.pass(wait - 1ms);
    EXPECT_EQ(world.repo(account).state, State::desynchronized);
    world.pass(1ms);
    world.loop.run_until([&] { return world.table.count(State::resyncing) == 0; });
  }
  world.until_state(account, State::active);
  EXPECT_EQ(world.http.answers.asked(World::url(account)), 4);
  world.expect_in_step(account);
  EXPECT_EQ(world.ledger.seen_revs().size(), 0U);
}

TEST_F(ResyncerLive, LetsTheEventsOfAnEarlierLifeGoFirst) {
  account.fill(3);
  world.serve(account);
  world.start();
  world.track(account);
  world.until_state(account, State::active);
  ASSERT_TRUE(world.loop.run(world.ledger.untrack({account.did()})));
  world.track(account);
  world.until_state(account, State::active);

  std::vector<outbox::Order> orders;
  for (const auto& event : world.database.events()) orders.push_back(event.order);
  using enum outbox::Order;
  EXPECT_THAT(orders, ElementsAre(historical, historical, historical, barrier, historical, historical));
}

TEST_F(ResyncerLive, LetsWaitNobodyWhoseRepoIsNew) {
  account.fill(3);
  world.track(account);
  world.serve(account);
  world.start();
  world.until_state(account, State::active);
  for (const outbox::Event& event : world.database.events()) EXPECT_EQ(event.order, outbox::Order::historical);
}

TEST_F(ResyncerLive, LetsEventsFromBeforeTheStartGoFirst) {
  world.ledger.inherit_events();
  account.fill(3);
  world.track(account);
  world.serve(account);
  world.start();
  world.until_state(account, State::active);
  const auto& events = world.database.events();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].order, outbox::Order::barrier);
  EXPECT_EQ(events[1].order, outbox::Order::historical);
}

TEST_F(ResyncerLive, LetsWhatAnAttemptThatEndedHalfWayHasToldGoFirst) {
  account.fill(3);
  const auto id = world.track(account);
  EXPECT_TRUE(world.ledger.take_blank(id));  // an attempt has begun
  const auto cid = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, account.records().begin()->second);
  world.database.apply({.mutations = {store::PutRecords{id, {{"app.bsky.feed.post", "gone", cid}}}}, .events = {}});
  world.serve(account);
  world.start();
  world.until_state(account, State::active);
  const auto& events = world.database.events();
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[0].order, outbox::Order::barrier);
  EXPECT_EQ(events[1].order, outbox::Order::historical);
}

TEST_F(ResyncerLive, FetchesAgainWhenTooMuchWasBuffered) {
  account.fill(1);
  begin_fetch();
  const Bytes large(std::size_t{33} << 20, 1);
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(world.loop.run(world.ledger.buffer(world.id(account), atproto::Tid(1), large)));
  }
  EXPECT_THAT(world.row(account).buffered, IsEmpty());
  end_fetch();
  world.until_state(account, State::desynchronized);
  EXPECT_THAT(world.row(account).buffered, IsEmpty());
  EXPECT_THAT(world.row(account).details.error, HasSubstr("too many live commits"));

  world.pass(3s);  // the next fetch counts anew
  world.until_state(account, State::active);
  world.expect_in_step(account);
}

TEST_F(ResyncerLive, DropsWhatAnEarlierAttemptLeftBehind) {
  account.fill(3);
  world.track(account);
  account.post();
  world.row(account).buffered.push_back({1, atproto::Tid(~std::uint64_t{0} >> 1), Bytes{9}});
  begin_fetch();
  world.buffer(account.post(), account);
  end_fetch();
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_EQ(world.http.answers.asked(World::url(account)), 1);
}

TEST_F(ResyncerLive, DropsTheBufferOfAFailedFetch) {
  account.fill(3);
  begin_fetch();
  world.buffer(account.post(), account);
  world.http.answers.answer(World::url(account), 500);
  world.stop();
  EXPECT_THAT(world.row(account).buffered, SizeIs(1));
  end_fetch();
  world.start();
  world.until_state(account, State::error);
  EXPECT_THAT(world.row(account).buffered, IsEmpty());
}

TEST_F(ResyncerLive, DropsTheBufferAsSoonAsAFetchFails) {
  account.fill(3);
  world.publish(account);
  world.http.answers.answer(World::url(account), 500);
  world.http.answers.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  world.buffer(account.post(), account);
  end_fetch();
  world.until_state(account, State::error);
  EXPECT_THAT(world.row(account).buffered, IsEmpty());
}

TEST_F(ResyncerLive, DropsTheBufferOfAFetchThatTheAccountHasMadeVoid) {
  account.fill(3);
  begin_fetch();
  world.buffer(account.post(), account);
  const auto id = world.table.find(account.did().str()).value();
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::deactivated)));
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::active)));
  EXPECT_THAT(world.row(account).buffered, SizeIs(1));
  world.http.answers.gate.let_one_pass();
  world.loop.run_until([&] {
    world.pass(1s);
    return world.http.answers.asked(World::url(account)) == 2;
  });
  EXPECT_THAT(world.row(account).buffered, IsEmpty()) << "before the next fetch begins";
  end_fetch();
  world.until_state(account, State::active);
}

TEST_F(ResyncerLive, DoesNotChargeAnAccountForAFetchThatItsLeavingHasMadeVoid) {
  account.fill(3);
  world.serve(account);
  world.http.answers.answer(World::url(account), 400, R"({"error":"RepoDeactivated"})");
  world.http.answers.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(world.id(account), repos::Account::deactivated)));
  end_fetch();
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 0; });
  world.loop.settle();
  EXPECT_EQ(world.repo(account).state, State::desynchronized);
  EXPECT_EQ(world.row(account).details.retries, 0U);
}

TEST_F(ResyncerLive, LeavesTheRepoAsItWasWhenCancelled) {
  account.fill(3);
  begin_fetch();
  world.stop();
  EXPECT_EQ(world.repo(account).state, State::pending);
  EXPECT_THAT(world.told(), IsEmpty());
}

TEST_F(ResyncerLive, StopsWhenTheRepoIsRemovedDuringTheFetch) {
  account.fill(3);
  begin_fetch();
  ASSERT_TRUE(world.loop.run(world.ledger.untrack({account.did()})));
  const std::size_t writes = world.writer.writes.size();
  end_fetch();
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  EXPECT_EQ(world.writer.writes.size(), writes);
  EXPECT_THAT(world.told(), IsEmpty());
}

TEST_F(ResyncerLive, ToleratesARemovalDuringAFetchThatFails) {
  world.publish(account);
  world.http.answers.answer(World::url(account), 400, R"({"error":"RepoNotFound"})");
  world.http.answers.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  ASSERT_TRUE(world.loop.run(world.ledger.untrack({account.did()})));
  const std::size_t writes = world.writer.writes.size();
  end_fetch();
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  world.pass(2h);
  EXPECT_EQ(world.writer.writes.size(), writes);
  EXPECT_THAT(world.http.answers.requests, SizeIs(1)) << "nobody tries it again";
}

TEST_F(ResyncerLive, ToleratesARemovalDuringALookUpThatFails) {
  world.directory.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.directory.gate.waiting() == 1; });
  ASSERT_TRUE(world.loop.run(world.ledger.untrack({account.did()})));
  const std::size_t writes = world.writer.writes.size();
  world.directory.gate.open();
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  world.pass(2h);
  EXPECT_EQ(world.writer.writes.size(), writes);
  EXPECT_THAT(world.directory.refreshed, SizeIs(1)) << "nobody tries it again";
}

TEST_F(ResyncerLive, KeepsAnOldFetchApartFromARepoThatWasAddedAgain) {
  account.fill(3);
  begin_fetch();
  const auto old_id = world.id(account);
  ASSERT_TRUE(world.loop.run(world.ledger.untrack({account.did()})));
  account.post();
  world.serve(account);
  const auto new_id = world.track(account);
  EXPECT_NE(new_id, old_id);
  end_fetch();
  world.until_state(account, State::active);
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), SizeIs(4));
}

TEST_F(ResyncerLive, StopsWritingWhenTheRepoIsRemovedBetweenBatches) {
  account.fill(2'500);
  world.outbox.room.close();
  begin_fetch();
  end_fetch();
  world.loop.run_until([&] { return world.outbox.room.waiting() == 1; });
  world.outbox.room.let_one_pass();
  world.loop.run_until([&] { return world.told().size() == 1'000 && world.outbox.room.waiting() == 1; });
  ASSERT_TRUE(world.loop.run(world.ledger.untrack({account.did()})));
  world.outbox.room.open();
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  EXPECT_THAT(world.told(), SizeIs(1'000));
}

TEST_F(ResyncerLive, BeginsAnewWhenARemovalThatFailedStoppedIt) {
  account.fill(2'500);
  world.outbox.room.close();
  begin_fetch();
  end_fetch();
  world.loop.run_until([&] { return world.outbox.room.waiting() == 1; });
  world.outbox.room.let_one_pass();
  world.loop.run_until([&] { return world.told().size() == 1'000 && world.outbox.room.waiting() == 1; });
  world.http.answers.gate.close();
  world.writer.failures = 1;
  ASSERT_FALSE(world.loop.run(world.ledger.untrack({account.did()})));
  // The same id, and not the claim's any more: what is left of the old fetch writes nothing, neither batches nor its
  // end.
  EXPECT_EQ(world.repo(account).state, State::desynchronized);
  account.post();
  world.serve(account);
  world.outbox.room.open();
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  EXPECT_THAT(world.told(), SizeIs(1'000));
  EXPECT_EQ(world.repo(account).state, State::resyncing);

  world.http.answers.gate.open();
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), SizeIs(2'501));
}

TEST_F(ResyncerLive, BeginsAnewWhenARemovalFailedBetweenItsLastBatchAndItsEnd) {
  account.fill(2'500);
  begin_fetch();
  world.writer.gate.close();
  end_fetch();
  world.loop.run_until([&] { return world.writer.gate.waiting() == 1; });
  world.writer.gate.let_one_pass();
  world.loop.run_until([&] { return world.told().size() == 1'000 && world.writer.gate.waiting() == 1; });
  auto removal = world.loop.start(world.ledger.untrack({account.did()}));  // in line behind the batch
  world.writer.gate.let_one_pass();
  world.loop.run_until([&] { return world.told().size() == 2'000 && world.writer.gate.waiting() == 1; });
  world.loop.settle();
  world.writer.failures = 1;
  world.writer.gate.open();
  world.loop.run_until([&] { return removal.done(); });
  EXPECT_FALSE(removal.take());
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_EQ(world.http.answers.asked(World::url(account)), 2);
  EXPECT_THAT(world.told(), SizeIs(2'500));
}

TEST_F(ResyncerLive, WaitsBeforeTheDrainForAnEventThatIsBeingKept) {
  account.fill(3);
  world.outbox.room.close();
  begin_fetch();
  end_fetch();
  world.loop.run_until([&] { return world.outbox.room.waiting() == 1; });
  auto turn = std::make_optional(world.ledger.turn_of(account.did().str()));
  world.loop.run(turn->turn());
  world.outbox.room.open();
  world.loop.settle();
  world.buffer(account.post(), account);
  turn.reset();
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_THAT(world.told(), SizeIs(4));
}

TEST_F(ResyncerLive, HoldsTheDidsTurnFromTheDrainToTheLastWrite) {
  account.fill(3);
  begin_fetch();
  world.loop.settle();
  world.writer.gate.close();
  end_fetch();
  world.loop.run_until([&] { return world.writer.gate.waiting() == 1; });
  auto turn = world.ledger.turn_of(account.did().str());
  auto entered = world.loop.start(turn.turn());
  EXPECT_FALSE(entered.done());
  world.writer.gate.open();
  world.loop.run_until([&] { return entered.done(); });
  EXPECT_EQ(world.repo(account).state, State::active);
}

}  // namespace
}  // namespace tap::resync
