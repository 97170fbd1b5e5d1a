// SPDX-License-Identifier: MIT
#include "unit/firehose/world.hpp"

namespace tap::firehose {
namespace {

using testing::IsEmpty;

const std::string kFound = "tap_discovery_repos_total";
const std::string kRefused = "tap_discovery_refused_total";
const std::string kMissed = "tap_discovery_missed_total";

class DiscoveryTest : public World {
 protected:
  DiscoveryTest() { interest.network = true; }

  test::Account stranger(std::uint64_t number) {
    test::Account account(number);
    directory.know(account);
    return account;
  }
  bool follows(const test::Account& account) { return table.find(account.did().str()).has_value(); }
  void until(const std::string& counter, std::uint64_t value) {
    loop.run_until([&] { return count(counter) == value; });
  }
};

TEST_F(DiscoveryTest, FollowsARepoWhoseCommitIsAuthentic) {
  auto account = stranger(9);
  receive(account.post());
  until(kFound, 1);
  ASSERT_TRUE(follows(account));
  EXPECT_EQ(state_of(account), repos::State::pending);
  EXPECT_EQ(database.repos(), 1U);
  EXPECT_EQ(cursor(), seq);
  // What is fetched must not be older than the commit.
  const auto id = table.find(account.did().str()).value();
  EXPECT_EQ(ledger.seen_revs().fetched(id, atproto::Tid{}), ledger::SeenRevs::Verdict::behind);
}

TEST_F(DiscoveryTest, FollowsARepoWhoseSyncIsAuthentic) {
  auto account = stranger(9);
  account.fill(2);
  receive(account.sync());
  until(kFound, 1);
  EXPECT_TRUE(follows(account));
}

TEST_F(DiscoveryTest, DoesNotBelieveEverybody) {
  auto forged = stranger(1);
  receive(
      forged.commit({test::create(forged.new_path(), test::post_record(1, "lies"))}, {.key = test::Account(2).key()}));
  until(kRefused, 1);
  test::Account unknown(3);
  receive(unknown.post());
  until(kRefused, 2);
  auto victim = stranger(4);
  auto lie = stranger(5).post();
  lie.repo = victim.did().str();
  receive(lie);
  until(kRefused, 3);
  EXPECT_EQ(database.repos(), 0U);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, TakesNobodysWordForAnIdentityOrAnAccount) {
  auto account = stranger(9);
  account.fill(1);
  receive(account.identity());
  receive(account.status(true));
  EXPECT_EQ(cursor(), seq);
  EXPECT_FALSE(follows(account));
  EXPECT_THAT(writer.writes, IsEmpty());
}

TEST_F(DiscoveryTest, FollowsWhoPutsARecordIntoACollection) {
  interest = {.collections = {"app.bsky.feed.*"}};
  auto poster = stranger(1);
  receive(poster.post());
  until(kFound, 1);
  EXPECT_TRUE(follows(poster));

  auto other = stranger(2);
  receive(other.commit({test::create("app.bsky.graph.follow/3kaaaaaaaaaaa", test::post_record(1))}));
  auto remover = stranger(3);
  remover.fill(1);
  receive(remover.commit({test::remove(remover.records().begin()->first)}));
  receive(remover.sync());
  EXPECT_EQ(cursor(), seq);
  EXPECT_FALSE(follows(other));
  EXPECT_FALSE(follows(remover));
}

TEST_F(DiscoveryTest, HoldsTheCursorAndNobodyElse) {
  auto account = followed(1);
  ASSERT_TRUE(loop.run(directory.lookup(account.did())));
  auto newcomer = stranger(9);
  directory.gate.close();
  const auto first = receive(newcomer.post());
  handle(account.post());
  expect_in_step(account);
  EXPECT_EQ(cursor(), first - 1);
  directory.gate.open();
  until(kFound, 1);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, TriesAgainWhenTheDatabaseFails) {
  auto account = stranger(9);
  writer.failures = 2;
  const auto first = receive(account.post());
  until("tap_firehose_events_retried_total", 2);
  EXPECT_EQ(cursor(), first - 1);
  until(kFound, 1);
  EXPECT_TRUE(follows(account));
}

TEST_F(DiscoveryTest, WaitsForADirectoryThatDoesNotAnswer) {
  auto account = stranger(9);
  directory.error = identity::Errc::unavailable;
  const auto first = receive(account.post());
  until("tap_firehose_events_retried_total", 3);
  EXPECT_EQ(cursor(), first - 1);
  directory.error.reset();
  until(kFound, 1);
  EXPECT_TRUE(follows(account));
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, GivesUpADirectoryThatIsAwayForLong) {
  auto account = stranger(9);
  directory.error = identity::Errc::unavailable;
  receive(account.post());
  until("tap_firehose_events_retried_total", 1);
  clock.advance(options.directory_patience);
  until(kRefused, 1);
  EXPECT_FALSE(follows(account));
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, LooksAtADidOnceAtATime) {
  auto account = stranger(9);
  directory.gate.close();
  receive(account.post());
  receive(account.post());
  loop.settle();
  EXPECT_EQ(directory.gate.waiting(), 1U);
  directory.gate.open();
  until(kFound, 1);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, LooksAtABoundedNumberOfReposAndAtFewOfHosts) {
  auto message = stranger(9).post();
  directory.gate.close();
  for (int i = 0; i < 101; ++i) {
    message.repo = "did:web:host" + std::to_string(i) + ".test";
    receive(message);
  }
  EXPECT_EQ(count(kMissed), 1U);
  for (int i = 0; i < 901; ++i) {
    message.repo = "did:plc:" + std::to_string(i);
    receive(message);
  }
  EXPECT_EQ(count(kMissed), 2U);
  directory.gate.open();
  until(kRefused, 1'000);
  EXPECT_EQ(cursor(), seq);
  receive(message);
  until(kRefused, 1'001);
  message.repo = "did:web:host1.test";
  receive(message);
  until(kRefused, 1'002);
}

TEST_F(DiscoveryTest, HoldsABoundedNumberOfBytes) {
  auto message = stranger(9).post();
  message.car = Bytes(std::size_t{2} << 20);
  directory.gate.close();
  for (int i = 0; i < 16; ++i) {
    message.repo = "did:plc:" + std::to_string(i);
    receive(message);
  }
  EXPECT_EQ(count(kMissed), 1U) << "with their heads they are more than 32 MiB";
  directory.gate.open();
  until(kRefused, 15);
  receive(message);
  until(kRefused, 16);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, KeepsTheEventOfARepoThatIsFetchedAtOnce) {
  ledger.on_work([this](repos::RepoId id) {
    table.set_state(id, repos::State::resyncing);
    writer.failures = 1;
  });
  auto account = stranger(9);
  receive(account.post());
  until(kFound, 1);
  EXPECT_EQ(database.find(account.did().str())->buffered.size(), 1U);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(DiscoveryTest, IsGivenUpWithTheRest) {
  auto account = stranger(9);
  directory.gate.close();
  const auto first = receive(account.post());
  loop.settle();
  loop.run(processor().stop());
  EXPECT_EQ(cursor(), first - 1);
  EXPECT_FALSE(follows(account));
}

}  // namespace
}  // namespace tap::firehose
