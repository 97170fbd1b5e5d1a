// SPDX-License-Identifier: MIT
// What the firehose missed or lied about is put right from the PDS.
#include "integration/gated_car.hpp"
#include "integration/tap_test.hpp"

#include <algorithm>

namespace tap::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Resync : public TapTest {
 protected:
  /// A tracked account of ten posts with a consumer.
  Account follow_one(std::uint64_t number = 1) {
    Account account(number);
    account.fill(10);
    onboard(account);
    return account;
  }
  void SetUp() override {
    start();
    consume();
  }
  [[nodiscard]] std::size_t fetches(const Account& account) { return pds_.requests(account.did().str()); }
};

TEST_F(Resync, MissedCommitIsFetchedBehindTheNextOne) {
  Account alice = follow_one();
  (void)alice.post();  // the relay lost it
  const CommitMessage next = alice.post();
  publish_repo(alice);
  send(next);
  await_records(alice);
  await_state(alice, "active");
  EXPECT_EQ(fetches(alice), 2U);

  send(alice.post());
  await_records(alice);
  EXPECT_TRUE(told(alice).back().is_live());
}

TEST_F(Resync, CommitThatTheRelayHasForgottenIsFetchedAlsoWhenTheRepoIsQuiet) {
  Account alice = follow_one();
  const std::int64_t seen = send(alice.post());
  await_records(alice);
  (void)alice.post();
  publish_repo(alice);
  relay_.forget(seen + 10);
  relay_.cut();
  await_records(alice);
  await_state(alice, "active");
}

TEST_F(Resync, CommitThatNobodyToldBeforeTheStreamBeganAgainIsFetched) {
  Account alice = follow_one();
  (void)alice.post();
  publish_repo(alice);
  relay_.cut();
  await_records(alice);
  await_state(alice, "active");
  EXPECT_THAT(told(alice), SizeIs(12)) << "what was held already is not told again";
}

TEST_F(Resync, SyncWithOtherContentTellsTheDifferenceDeletesIncluded) {
  Account alice = follow_one();
  const std::size_t before = told(alice).size();
  const std::string first = alice.records().begin()->first;
  const std::string last = alice.records().rbegin()->first;
  const std::string added = alice.new_path();
  (void)alice.commit({remove(first), update(last, post_record(500)), create(added, post_record(501))});
  publish_repo(alice);
  send(alice.sync());
  await_records(alice);

  Events all = told(alice);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(actions_of(all), ::testing::UnorderedElementsAre("delete " + first, "update " + last, "create " + added));
}

TEST_F(Resync, SyncWithTheSameContentFetchesNothing) {
  Account alice = follow_one();
  send(alice.sync());
  send(alice.post());
  await_records(alice);
  EXPECT_EQ(fetches(alice), 1U);
}

TEST_F(Resync, TooBigCommitIsFetched) {
  Account alice = follow_one();
  CommitMessage big = alice.post();
  big.too_big = true;
  big.ops.clear();
  big.blocks.resize(1);
  publish_repo(alice);
  send(big);
  await_records(alice);
}

TEST_F(Resync, ForgedCommitChangesNothing) {
  Account alice = follow_one();
  Account forger(1);
  forger.fill(10);
  const CommitMessage honest_commit = alice.commit({create(alice.new_path(), post_record(1000))});
  publish_repo(alice);
  send(forger.commit({create(forger.new_path(), post_record(666))}, {.key = SigningKey(atproto::Curve::k256, 666)}));
  send(honest_commit);
  await_records(alice);
  await_state(alice, "active");
  send(alice.post());
  await_records(alice);

  const auto forged = records_of_account(forger);
  const auto honest = records_of(log_.all(), alice.did().str());
  EXPECT_EQ(honest, records_of_account(alice));
  for (const auto& [path, cid] : forged) {
    if (!honest.contains(path)) EXPECT_THAT(actions_of(told(alice)), Not(Contains("create " + path)));
  }
}

TEST_F(Resync, CommitFromTheFutureIsNotBelievedAndItsRepoFetched) {
  Account alice = follow_one();
  Account dreamer(1);
  dreamer.fill(10);
  dreamer.set_next_rev(atproto::Tid::parse("bzzzzzzzzzzzz").value());
  const CommitMessage dreamt = dreamer.post();
  const CommitMessage next = alice.post();
  pds_.set_repo(alice.did().str(), alice.full_car());
  send(dreamt);
  send(next);
  await_records(alice);
  EXPECT_EQ(fetches(alice), 2U);
  EXPECT_THAT(told(alice), SizeIs(12));
}

TEST_F(Resync, OldCommitIsIgnored) {
  Account alice = follow_one();
  const CommitMessage first = alice.post();
  send(first);
  send(first);
  send(alice.post());
  await_records(alice);
  EXPECT_EQ(fetches(alice), 1U);
  EXPECT_THAT(told(alice), SizeIs(13));
}

TEST_F(Resync, CarWithoutOneOfItsBlocksIsRefusedAndRetried) {
  Account alice(1);
  alice.fill(50);
  publish_document(alice, pds_);
  const Bytes whole = alice.full_car(Order::streaming);
  // The last record is the last block: take the CAR of a repo that lacks it in the same order.
  Bytes torn = whole;
  const auto last = std::max_element(alice.records().begin(), alice.records().end(),
                                     [](const auto& a, const auto& b) { return a.first < b.first; });
  torn.resize(torn.size() - (last->second.size() + 36 + 2));
  pds_.set_repo(alice.did().str(), torn);
  track(alice);
  await_state(alice, "error");
  EXPECT_THAT(actions_of(told(alice)), IsEmpty());

  pds_.set_repo(alice.did().str(), whole);
  await_records(alice);
  await_state(alice, "active");
}

TEST_F(Resync, CarOfAnotherAccountIsRefused) {
  Account alice(1);
  Account mallory(2);
  alice.fill(10);
  mallory.fill(10);
  publish_document(alice, pds_);
  pds_.set_repo(alice.did().str(), mallory.full_car());
  track(alice);
  await_state(alice, "error");
  EXPECT_THAT(actions_of(told(alice)), IsEmpty());

  publish_repo(alice);
  await_records(alice);
}

TEST_F(Resync, CarOlderThanWhatIsHeldIsRefused) {
  Account alice(1);
  alice.fill(10);
  const Bytes old = alice.full_car();
  (void)alice.post();
  onboard(alice);
  pds_.set_repo(alice.did().str(), old);
  (void)alice.post();  // lost
  send(alice.post());
  await_state(alice, "error");
  EXPECT_THAT(actions_of(told(alice)), SizeIs(11));  // nothing was taken back

  publish_repo(alice);
  await_records(alice);
}

TEST_F(Resync, HostThatAsksForPatienceGetsIt) {
  Account alice(1);
  alice.fill(10);
  publish(alice);
  Reply slow_down = xrpc_error(429, "RateLimitExceeded");
  slow_down.headers.emplace_back("Retry-After", "2");
  pds_.answer(alice.did().str(), slow_down);
  const auto begin = std::chrono::steady_clock::now();
  track(alice);
  await_records(alice);

  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(fetches(alice), 2U);
  EXPECT_EQ(get("/info/" + alice.did().str()).at("retries"), 0);
}

TEST_F(Resync, HangingHostDoesNotHoldUpAnother) {
  PdsServer hanging;
  std::vector<std::string> dids;
  for (std::uint64_t i = 10; i < 30; ++i) {
    Account account(i);
    account.fill(1);
    publish(account, hanging);
    dids.push_back(account.did().str());
  }
  hanging.answer_any({.fault = Fault::hang}, 1'000);
  track(dids);
  ASSERT_TRUE(hanging.server().wait_for_hanging(1));
  const Account alice = follow_one();
  EXPECT_EQ(state(alice), "active");
}

TEST_F(Resync, CommitsDuringAFetchThatFailsAreToldOnce) {
  Account alice(1);
  alice.fill(200);
  publish(alice);
  const Bytes car = alice.full_car();
  pds_.answer(alice.did().str(),
              {.body = std::string(as_text(car)), .fault = Fault::hang_in_body, .fault_at = car.size() / 2});
  track(alice);
  ASSERT_TRUE(pds_.server().wait_for_hanging(1));
  for (int i = 0; i < 5; ++i) send(alice.post());
  wait_for("buffered commits", [&] { return get("/stats/resync-buffer").at("resync_buffer") == 5; });

  // What was buffered for an attempt that failed is in the repo that the next one gets.
  publish_repo(alice);
  pds_.server().drop_connections();
  await_records(alice);
  await_state(alice, "active");
  EXPECT_EQ(get("/stats/resync-buffer").at("resync_buffer"), 0);
  EXPECT_EQ(ids_of(log_.all()).size(), log_.all().size());
}

TEST_F(Resync, BufferedCommitsAreToldLiveBehindTheSnapshot) {
  Account alice(1);
  alice.fill(200);
  publish_document(alice, pds_);
  GatedCar car(alice.full_car());
  pds_.set_repo_source(alice.did().str(), [&car] { return car.source(); });
  track(alice);
  wait_for("the fetch", [&] { return state(alice) == "resyncing"; });
  for (int i = 0; i < 5; ++i) send(alice.post());
  wait_for("buffered commits", [&] { return get("/stats/resync-buffer").at("resync_buffer") == 5; });
  car.let_go();
  await_records(alice);
  await_state(alice, "active");

  const Events events = told(alice);
  ASSERT_EQ(events.size(), 206U);
  for (std::size_t i = 1; i < events.size(); ++i) EXPECT_EQ(events[i].is_live(), i > 200) << i;
  EXPECT_EQ(log_.all().size(), events.size());
  send(alice.post());
  await_records(alice);
}

}  // namespace
}  // namespace tap::test
