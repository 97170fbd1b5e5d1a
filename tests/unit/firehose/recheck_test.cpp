// SPDX-License-Identifier: MIT
#include "tap/firehose/recheck.hpp"

#include "tap/ledger/buffered.hpp"

#include "support/net_fakes.hpp"
#include "unit/firehose/world.hpp"

#include <set>

namespace tap::firehose {
namespace {

using namespace std::chrono_literals;
using repos::State;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The ids that a round names until it is over, in their order.
std::vector<std::uint64_t> steps_of(Round round) {
  std::vector<std::uint64_t> ids;
  for (; !round.over(); round.step()) ids.push_back(round.next);
  return ids;
}

TEST(Round, NamesEachIdOnce) {
  Round round;
  EXPECT_TRUE(round.over());
  round.begin(4);
  EXPECT_EQ(round.left(), 4U);
  EXPECT_THAT(steps_of(round), testing::ElementsAre(0, 1, 2, 3));
}

TEST(Round, BegunAgainGoesOnWhereItStandsAndThenFromTheBeginning) {
  Round round;
  round.begin(4);
  round.step();
  round.step();
  round.begin(6);
  EXPECT_EQ(round.left(), 7U);
  EXPECT_THAT(steps_of(round), testing::ElementsAre(2, 3, 4, 5, 0, 1, 2)) << "the one at hand as well";
  for (int i = 0; i < 5; ++i) round.step();
  round.begin(7);
  EXPECT_THAT(steps_of(round), testing::ElementsAre(1, 2, 3, 4, 5, 6, 0, 1));
}

TEST(Round, HasATurnForEachIdHoweverOftenItBegins) {
  Round round;
  std::multiset<std::uint64_t> seen;
  for (int i = 0; i < 100; ++i) {
    round.begin(10);
    seen.insert(round.next);
    round.step();
  }
  for (std::uint64_t id = 0; id < 10; ++id) EXPECT_GE(seen.count(id), 9U) << id;
}

TEST(Round, IsWrittenAndReadAgain) {
  Round round;
  EXPECT_EQ(round.str(), "");
  round.begin(9);
  round.step();
  round.begin(12);
  EXPECT_EQ(Round::parse(round.str()), round);
  for (const auto* odd : {"", "1", "1 2", "1 2 3 4", "a b c", "-1 2 3", "5 2 0", "1 2 99999999999999999999"}) {
    EXPECT_TRUE(Round::parse(odd).over()) << odd;
  }
}

class RecheckTest : public World {
 protected:
  RecheckTest() {
    options.relay = net::Url::parse("wss://relay.test").value();
    options.pause = 1ms;
    options.retry_unit = 1ms;
  }

  Recheck& recheck() {
    if (!made_) {
      made_.emplace(RecheckParts{.loop = loop.executor(),
                                 .table = table,
                                 .ledger = ledger,
                                 .writer = writer,
                                 .reader = reader,
                                 .http = http,
                                 .metrics = metrics},
                    options);
    }
    return *made_;
  }
  /// A restart: what is in memory is gone.
  void forget() { made_.reset(); }
  void run() { running_.emplace(loop, recheck().run()); }
  std::string saved() { return database.cursor("recheck", "repos"); }
  std::int64_t left() { return metrics.gauge("tap_recheck_left", "").value(); }
  void until_over() {
    loop.run_until([&] { return left() == 0 && saved().empty(); });
  }
  std::size_t marked() { return table.count(State::desynchronized); }
  /// An account that is followed and gone away.
  test::Account away(std::uint64_t number) {
    auto account = followed(number);
    handle(account.status(false, "deactivated"));
    writer.writes.clear();
    return account;
  }
  static std::string question(const test::Account& account) {
    return "https://relay.test/xrpc/com.atproto.sync.getRepoStatus?did=" + net::encode_query(account.did().str());
  }
  repos::Account status_of(const test::Account& account) {
    return table.get(table.find(account.did().str()).value())->account;
  }

  test::FakeHttp http{loop.executor()};
  RecheckOptions options;

 private:
  std::optional<Recheck> made_;
  std::optional<test::Background> running_;
};

TEST_F(RecheckTest, MarksActiveReposAndNoOthers) {
  auto active = followed(1);
  auto gone = away(2);
  http.answer(question(gone), 200, R"({"active":false,"status":"deactivated"})");
  auto failed = followed(3);
  table.set_state(table.find(failed.did().str()).value(), State::error);
  writer.writes.clear();
  run();
  EXPECT_THAT(writer.writes, IsEmpty());

  ASSERT_TRUE(loop.run(recheck().begin()));
  until_over();
  EXPECT_EQ(state_of(active), State::desynchronized);
  EXPECT_THAT(database.find(active.did().str())->details.error, HasSubstr("lost"));
  EXPECT_EQ(state_of(gone), State::active);
  EXPECT_EQ(state_of(failed), State::error);
  EXPECT_EQ(count("tap_recheck_repos_total"), 1U);
}

TEST_F(RecheckTest, FindsAccountsThatCameBack) {
  const auto account = away(1);
  http.answer(question(account), 200, R"({"did":"did:plc:any","active":true,"rev":"3kaaaaaaaaaaa"})");
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  until_over();
  EXPECT_EQ(status_of(account), repos::Account::active);
  EXPECT_EQ(state_of(account), State::desynchronized);
  EXPECT_THAT(writer.bodies(), testing::Contains(HasSubstr("\"is_active\":true")));
  EXPECT_EQ(count("tap_recheck_accounts_total"), 1U);
}

TEST_F(RecheckTest, AsksWithADeadlineAndABoundOfBytes) {
  const auto account = away(1);
  http.answer(question(account), 404, "");
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  until_over();
  EXPECT_EQ(http.requests.at(0).timeout, std::chrono::seconds(10));
  EXPECT_EQ(http.requests.at(0).max_body, 64U << 10);
}

TEST_F(RecheckTest, LeavesAccountsAsTheyAreOfWhichTheRelayKnowsNothing) {
  const auto unknown = away(1);
  http.answer(question(unknown), 404, R"({"error":"RepoNotFound"})");
  const auto unreadable = away(2);
  http.answer(question(unreadable), 200, "<html>");
  const auto silent = away(3);
  const auto overloaded = away(4);
  http.answer(question(overloaded), 503, R"({"active":false})");
  const auto last = followed(5);
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  until_over();
  for (const auto* account : {&unknown, &unreadable, &silent, &overloaded}) {
    EXPECT_EQ(status_of(*account), repos::Account::deactivated);
  }
  EXPECT_EQ(http.asked(question(unknown)), 1);
  EXPECT_EQ(http.asked(question(silent)), 10) << "trouble may pass";
  EXPECT_EQ(http.asked(question(overloaded)), 10) << "also behind another's";
  EXPECT_EQ(state_of(last), State::desynchronized);
}

TEST_F(RecheckTest, AsksForAnAccountInItsTurn) {
  auto account = away(1);
  http.answer(question(account), 200, R"({"active":true})");
  http.gate.close();
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  loop.run_until([&] { return http.gate.waiting() == 1; });
  receive(account.status(false, "suspended"));
  loop.settle();
  http.gate.open();
  until_over();
  drain();
  EXPECT_EQ(status_of(account), repos::Account::suspended) << "the news is newer than the answer";
}

TEST_F(RecheckTest, SpoilsAFetchThatIsUnderWay) {
  auto account = followed(1);
  const auto id = table.find(account.did().str()).value();
  table.set_state(id, State::resyncing);
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  until_over();
  ASSERT_THAT(database.find(id)->buffered, SizeIs(1));
  const auto& kept = database.find(id)->buffered[0];
  EXPECT_GT(kept.rev, account.head()->rev);
  EXPECT_FALSE(atproto::decode_commit(ledger::unpack_buffered(kept.commit)->body));
}

TEST_F(RecheckTest, LeavesAloneWhatIsFetchedBehindTheGapAnyway) {
  const auto before = followed(1);
  const auto behind = followed(2);
  const auto under_way = followed(3);
  const auto id_of = [this](const test::Account& account) { return table.find(account.did().str()).value(); };
  ledger.note_fetch(id_of(before));
  ASSERT_TRUE(loop.run(recheck().begin()));
  ledger.note_fetch(id_of(behind));
  ledger.note_fetch(id_of(under_way));
  table.set_state(id_of(under_way), State::resyncing);
  run();
  until_over();
  EXPECT_EQ(state_of(before), State::desynchronized);
  EXPECT_EQ(state_of(behind), State::active);
  EXPECT_THAT(database.find(id_of(under_way))->buffered, IsEmpty());
  EXPECT_EQ(count("tap_recheck_repos_total"), 1U);
}

TEST_F(RecheckTest, AFetchBeforeTheLastGapIsNotEnough) {
  const auto account = followed(1);
  const auto id = table.find(account.did().str()).value();
  ASSERT_TRUE(loop.run(recheck().begin()));
  ledger.note_fetch(id);
  ASSERT_TRUE(loop.run(recheck().begin()));
  run();
  until_over();
  EXPECT_EQ(state_of(account), State::desynchronized);

  table.set_state(id, State::active);
  ledger.note_fetch(id);
  ASSERT_TRUE(loop.run(recheck().begin()));
  loop.run_until([&] { return marked() == 1; });
}

TEST_F(RecheckTest, AfterARestartLeavesAloneWhatWasFetchedSince) {
  options.pause = 5ms;
  const auto first = followed(1);
  const auto second = followed(2);
  ASSERT_TRUE(loop.run(recheck().begin()));
  forget();
  ledger.ignore_fetches();
  run();
  loop.run_until([&] { return left() > 0; });
  ledger.note_fetch(table.find(second.did().str()).value());
  until_over();
  EXPECT_EQ(state_of(first), State::desynchronized);
  EXPECT_EQ(state_of(second), State::active);
}

TEST_F(RecheckTest, WaitsForTheTurnOfTheDid) {
  auto account = followed(1);
  auto turn = std::make_optional(ledger.turn_of(account.did().str()));
  loop.run(turn->turn());
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  loop.run_until([&] { return left() == 1; });
  loop.settle();
  EXPECT_EQ(state_of(account), State::active);
  turn.reset();
  until_over();
  EXPECT_EQ(state_of(account), State::desynchronized);
}

TEST_F(RecheckTest, MarksNoMoreThanAreFetched) {
  options.backlog = 2;
  for (std::uint64_t i = 1; i <= 5; ++i) followed(i);
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  loop.run_until([&] { return marked() == 2; });
  loop.run(async::sleep_for(20ms));
  EXPECT_EQ(marked(), 2U);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    loop.run_until([&] { return table.get(repos::RepoId{id})->state == State::desynchronized; });
    table.set_state(repos::RepoId{id}, State::active);
  }
  until_over();
  EXPECT_EQ(count("tap_recheck_repos_total"), 5U);
}

TEST_F(RecheckTest, DoesNotWaitForReposWhoseFetchHasFailed) {
  options.backlog = 2;
  for (std::uint64_t i = 1; i <= 5; ++i) followed(i);
  run();
  ASSERT_TRUE(loop.run(recheck().begin()));
  for (std::uint64_t id = 1; id <= 5; ++id) {
    loop.run_until([&] { return table.get(repos::RepoId{id})->state == State::desynchronized; });
    table.set_state(repos::RepoId{id}, State::error);
  }
  until_over();
}

TEST_F(RecheckTest, GoesOnAfterARestart) {
  for (std::uint64_t i = 1; i <= 3; ++i) followed(i);
  ASSERT_TRUE(loop.run(recheck().begin()));
  forget();
  EXPECT_EQ(marked(), 0U);
  reader.failures = 1;
  run();
  loop.run_until([&] { return marked() == 3; });
  until_over();
}

TEST_F(RecheckTest, TriesAgainWhenTheDatabaseFails) {
  auto account = followed(1);
  run();
  writer.failures = 1;
  EXPECT_FALSE(loop.run(recheck().begin()));
  ASSERT_TRUE(loop.run(recheck().begin()));
  writer.failures = 1;
  until_over();
  EXPECT_EQ(state_of(account), State::desynchronized);
}

TEST_F(RecheckTest, HasNothingToDoWhereNothingIsFollowed) {
  ASSERT_TRUE(loop.run(ledger.track({test::Account(1).did()})));
  writer.writes.clear();
  ASSERT_TRUE(loop.run(recheck().begin()));
  EXPECT_THAT(writer.writes, IsEmpty());
}

}  // namespace
}  // namespace tap::firehose
