// SPDX-License-Identifier: MIT
#include "tap/ledger/ledger.hpp"

#include "support/loop.hpp"
#include "support/store_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tap::ledger {
namespace {

using repos::Account;
using repos::State;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

atproto::Did did_of(int number) {
  std::string text = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
  text[30] = static_cast<char>('a' + number / 26);
  text[31] = static_cast<char>('a' + number % 26);
  return atproto::Did::parse(text).value();
}

atproto::Cid cid_of(std::uint8_t seed) { return atproto::Cid::of(atproto::Cid::Codec::dag_cbor, Bytes{seed}); }

verify::RecordOp op(atproto::Action action, std::string rkey) {
  verify::RecordOp made{action, "app.test.record", std::move(rkey), {}, {}};
  if (action != atproto::Action::remove) {
    made.cid = cid_of(7);
    made.record_json = "{\"n\":1}";
  }
  return made;
}

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    ledger.on_work([this](RepoId id) { woken.push_back(id); });
  }

  /// Tracked and fetched: active, at rev 1.
  RepoId active_repo(int number = 0) {
    EXPECT_TRUE(loop.run(ledger.track({did_of(number)})));
    const RepoId id = table.find(did_of(number).str()).value();
    const repos::Head head{atproto::Tid(1), cid_of(1), 0};
    store::Write write;
    write.mutations.emplace_back(store::SetHead{id, head});
    write.mutations.emplace_back(store::SetState{id, State::active, "", 0, 0});
    EXPECT_TRUE(loop.run(writer.commit(std::move(write))));
    table.set_head(id, head);
    table.set_state(id, State::active);
    woken.clear();
    writer.writes.clear();
    return id;
  }
  verify::VerifiedCommit commit(std::uint64_t rev, std::vector<verify::RecordOp> ops) {
    verify::VerifiedCommit made;
    made.did = did_of(0);
    made.rev = atproto::Tid(rev);
    made.data = cid_of(static_cast<std::uint8_t>(rev));
    made.ops = std::move(ops);
    return made;
  }
  /// What the database and the table say of a repo must be the same.
  void expect_in_step(RepoId id) {
    const auto held = table.get(id);
    const auto* row = database.find(id);
    ASSERT_EQ(held.has_value(), row != nullptr);
    if (held) EXPECT_EQ(*held, row->repo);
  }

  test::Loop loop;
  test::FakeDatabase database;
  test::FakeWriter writer{loop.executor(), database};
  test::FakeReader reader{loop.executor(), database};
  repos::Table table;
  metrics::Registry metrics;
  Ledger ledger{loop.executor(), table, writer, reader, metrics, {.events = 4, .bytes = 100}};
  std::vector<RepoId> woken;
};

TEST_F(LedgerTest, TracksNewReposOnceInOneWrite) {
  EXPECT_EQ(loop.run(ledger.track({did_of(1), did_of(2), did_of(1)})).value(), 2U);
  EXPECT_EQ(loop.run(ledger.track({did_of(2), did_of(3)})).value(), 1U);

  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(database.repos(), 3U);
  EXPECT_THAT(writer.writes, SizeIs(2));
  EXPECT_THAT(woken, SizeIs(3));
  for (const RepoId id : woken) expect_in_step(id);
}

TEST_F(LedgerTest, TracksNothingWhenTheWriteFails) {
  writer.failures = 1;
  EXPECT_EQ(loop.run(ledger.track({did_of(1)})).error(), store::Errc::failed);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_THAT(woken, IsEmpty());

  EXPECT_EQ(loop.run(ledger.track({did_of(1)})).value(), 1U);
  EXPECT_EQ(table.size(), 1U);
}

TEST_F(LedgerTest, TracksOnceWhenAskedTwiceAtTheSameTime) {
  writer.gate.close();
  auto first = loop.start(ledger.track({did_of(1), did_of(2)}));
  auto second = loop.start(ledger.track({did_of(2), did_of(1), did_of(3)}));
  EXPECT_EQ(table.size(), 0U);
  writer.gate.open();
  loop.run_until([&] { return first.done() && second.done(); });

  EXPECT_EQ(first.take().value(), 2U);
  EXPECT_EQ(second.take().value(), 1U);
  EXPECT_EQ(database.repos(), 3U);
}

TEST_F(LedgerTest, GivesARepoThatIsAddedAgainANewId) {
  const RepoId old = active_repo();
  ASSERT_TRUE(loop.run(ledger.untrack({did_of(0)})));
  ASSERT_TRUE(loop.run(ledger.track({did_of(0)})));

  EXPECT_FALSE(table.contains(old));
  const RepoId id = table.find(did_of(0).str()).value();
  EXPECT_GT(id, old);
  EXPECT_EQ(table.get(id)->state, State::pending);
  expect_in_step(id);
}

TEST_F(LedgerTest, RemovesFromTheTableBeforeTheWrite) {
  const RepoId id = active_repo();
  writer.gate.close();
  auto removal = loop.start(ledger.untrack({did_of(0), did_of(9)}));
  // A resync that writes meanwhile must see it, or its events would follow the removal.
  EXPECT_FALSE(table.contains(id));
  EXPECT_EQ(database.repos(), 1U);

  writer.gate.open();
  loop.run_until([&] { return removal.done(); });
  EXPECT_EQ(database.repos(), 0U);
}

TEST_F(LedgerTest, PutsReposBackWhenTheirRemovalFails) {
  const RepoId kept = active_repo(0);
  const RepoId fetching = active_repo(1);
  table.set_state(fetching, State::resyncing);
  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.untrack({did_of(0), did_of(1)})));

  // Events of the one were passed over meanwhile; the other's fetch saw that it was gone, and stopped.
  EXPECT_EQ(table.get(kept)->state, State::desynchronized);
  EXPECT_EQ(table.get(kept)->head->rev, atproto::Tid(1));
  EXPECT_EQ(table.get(fetching)->state, State::desynchronized);
  EXPECT_THAT(woken, ElementsAre(kept, fetching));
}

TEST_F(LedgerTest, ReAddWaitsForTheRemoval) {
  const RepoId old = active_repo();
  writer.gate.close();
  auto removal = loop.start(ledger.untrack({did_of(0)}));
  auto addition = loop.start(ledger.track({did_of(0)}));
  EXPECT_EQ(writer.gate.waiting(), 1U);
  writer.gate.open();
  loop.run_until([&] { return removal.done() && addition.done(); });

  EXPECT_EQ(addition.take().value(), 1U);
  ASSERT_EQ(database.repos(), 1U);
  const RepoId id = table.find(did_of(0).str()).value();
  EXPECT_NE(id, old);
  expect_in_step(id);
}

TEST_F(LedgerTest, ReAddWaitsForARemovalThatWaitsForItsTurn) {
  const RepoId old = active_repo();
  auto turn = std::make_optional(ledger.turn_of(did_of(0).str()));
  auto removal = loop.start(ledger.untrack({did_of(0)}));
  auto addition = loop.start(ledger.track({did_of(0)}));
  EXPECT_FALSE(addition.done());
  turn.reset();
  loop.run_until([&] { return removal.done() && addition.done(); });
  EXPECT_EQ(addition.take().value(), 1U);
  EXPECT_NE(table.find(did_of(0).str()).value(), old);
}

TEST_F(LedgerTest, AdditionDoesNotWaitForWhatIsTrackedAlready) {
  const RepoId id = active_repo();
  const auto turn = ledger.turn_of(did_of(0).str());
  EXPECT_EQ(loop.run(ledger.track({did_of(0), did_of(1)})).value(), 1U);
  EXPECT_EQ(table.find(did_of(0).str()), id);
  EXPECT_TRUE(table.find(did_of(1).str()));
}

TEST_F(LedgerTest, TakesAnyRepoForOneThatReturnedWhenMoreWereRemovedThanItRemembers) {
  Ledger small(loop.executor(), table, writer, reader, metrics, {}, 2);
  const std::vector<atproto::Did> dids = {did_of(0), did_of(1), did_of(2)};
  ASSERT_TRUE(loop.run(small.track(dids)));
  for (const auto& did : {dids[0], dids[1]}) ASSERT_TRUE(loop.run(small.untrack({did})));
  ASSERT_TRUE(loop.run(small.track({dids[0]})));
  ASSERT_TRUE(loop.run(small.untrack({dids[0]})));  // the same once more
  EXPECT_TRUE(small.may_have_returned(dids[0].str()));
  EXPECT_TRUE(small.may_have_returned(dids[1].str()));
  EXPECT_FALSE(small.may_have_returned(dids[2].str()));

  ASSERT_TRUE(loop.run(small.untrack({dids[2]})));
  for (const auto& did : dids) EXPECT_TRUE(small.may_have_returned(did.str()));
  EXPECT_TRUE(small.may_have_returned(did_of(3).str()));
}

TEST_F(LedgerTest, AdvancesHeadRecordsAndEventsTogether) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.advance(id, commit(2, {op(atproto::Action::create, "a"), op(atproto::Action::create, "b"),
                                                     op(atproto::Action::update, "a")}))));
  EXPECT_EQ(table.get(id)->head, (repos::Head{atproto::Tid(2), cid_of(2), 2}));
  ASSERT_TRUE(loop.run(ledger.advance(id, commit(3, {op(atproto::Action::remove, "b")}))));
  EXPECT_EQ(table.get(id)->head->records, 1U);
  EXPECT_EQ(table.records(), 1U);
  expect_in_step(id);

  database.fold();
  EXPECT_THAT(database.find(id)->records, SizeIs(1));
  EXPECT_THAT(writer.bodies(), ElementsAre(AllOf(HasSubstr("\"action\":\"create\""), HasSubstr("\"rkey\":\"a\"")),
                                           AllOf(HasSubstr("\"action\":\"create\""), HasSubstr("\"rkey\":\"b\"")),
                                           AllOf(HasSubstr("\"action\":\"update\""), HasSubstr("\"rkey\":\"a\"")),
                                           AllOf(HasSubstr("\"action\":\"delete\""), HasSubstr("\"rkey\":\"b\""))));
  for (const auto& event : database.events()) EXPECT_EQ(event.order, outbox::Order::barrier);
}

TEST_F(LedgerTest, StaysWhereItWasWhenACommitCannotBeWritten) {
  const RepoId id = active_repo();
  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.advance(id, commit(2, {op(atproto::Action::create, "a")}))));
  EXPECT_EQ(table.get(id)->head->rev, atproto::Tid(1));
  EXPECT_EQ(table.records(), 0U);
  expect_in_step(id);
}

TEST_F(LedgerTest, NeverCountsBelowNoRecords) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.advance(id, commit(2, {op(atproto::Action::remove, "unknown")}))));
  EXPECT_EQ(table.get(id)->head->records, 0U);
}

TEST_F(LedgerTest, DoesNothingForARepoThatIsGone) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.untrack({did_of(0)})));
  writer.writes.clear();
  EXPECT_TRUE(loop.run(ledger.advance(id, commit(2, {op(atproto::Action::create, "a")}))));
  EXPECT_TRUE(loop.run(ledger.touch(id, atproto::Tid(9))));
  EXPECT_TRUE(loop.run(ledger.desynchronize(id, "why")));
  EXPECT_TRUE(loop.run(ledger.set_account(id, Account::takendown)));
  EXPECT_TRUE(loop.run(ledger.set_handle(id, "a.test")));
  EXPECT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(9), {1})));
  EXPECT_THAT(writer.writes, IsEmpty());
}

TEST_F(LedgerTest, TouchMovesTheRevAlone) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.touch(id, atproto::Tid(5))));
  EXPECT_EQ(table.get(id)->head, (repos::Head{atproto::Tid(5), cid_of(1), 0}));
  expect_in_step(id);
  EXPECT_THAT(writer.bodies(), IsEmpty());

  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.touch(id, atproto::Tid(6))));
  EXPECT_EQ(table.get(id)->head->rev, atproto::Tid(5));
}

TEST_F(LedgerTest, DesynchronizesAnActiveRepoOnce) {
  const RepoId id = active_repo();
  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.desynchronize(id, "why")));
  EXPECT_EQ(table.get(id)->state, State::active);
  EXPECT_THAT(woken, IsEmpty());

  ASSERT_TRUE(loop.run(ledger.desynchronize(id, "why")));
  ASSERT_TRUE(loop.run(ledger.desynchronize(id, "again")));
  EXPECT_EQ(database.find(id)->details.error, "why");
  EXPECT_THAT(woken, ElementsAre(id));
  expect_in_step(id);
}

TEST_F(LedgerTest, TellsOfAccountsThatGoAndComeBack) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "alice.test")));
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::suspended)));
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::suspended)));
  EXPECT_EQ(table.get(id)->state, State::active);
  EXPECT_THAT(woken, IsEmpty());
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::active)));

  // What it wrote meanwhile was not followed.
  EXPECT_EQ(table.get(id)->state, State::desynchronized);
  EXPECT_THAT(woken, ElementsAre(id));
  expect_in_step(id);
  EXPECT_THAT(writer.bodies(),
              ElementsAre(HasSubstr("\"handle\":\"alice.test\""),
                          AllOf(HasSubstr("\"handle\":\"alice.test\""), HasSubstr("\"is_active\":false"),
                                HasSubstr("\"status\":\"suspended\"")),
                          AllOf(HasSubstr("\"is_active\":true"), HasSubstr("\"status\":\"active\""))));
}

TEST_F(LedgerTest, EndsTheFetchOfAnAccountThatGoesOrComesBack) {
  const RepoId id = active_repo();
  table.set_state(id, State::resyncing);
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::suspended)));
  EXPECT_EQ(table.get(id)->state, State::desynchronized);
  EXPECT_THAT(woken, IsEmpty());

  table.set_state(id, State::resyncing);
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::active)));
  EXPECT_EQ(table.get(id)->state, State::desynchronized);
  EXPECT_THAT(woken, ElementsAre(id));
}

TEST_F(LedgerTest, LetsAnAccountThatIsBackWaitForNoRetryAlsoAfterARestart) {
  const RepoId id = active_repo();
  store::Write failure;
  failure.mutations.emplace_back(store::SetState{id, State::error, "RepoDeactivated", 3, 1'000'000});
  ASSERT_TRUE(loop.run(writer.commit(std::move(failure))));
  table.set_state(id, State::error);
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::deactivated)));
  EXPECT_EQ(database.find(id)->details.retry_after, 1'000'000);

  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::active)));
  EXPECT_EQ(database.find(id)->details.retry_after, 0);
  EXPECT_EQ(database.find(id)->details.retries, 0U);
  EXPECT_THAT(woken, ElementsAre(id));
  expect_in_step(id);
}

TEST_F(LedgerTest, EncouragesOnlyWhatFailed) {
  const RepoId id = active_repo();
  for (const State state : {State::pending, State::desynchronized, State::resyncing, State::active}) {
    table.set_state(id, state);
    ledger.encourage(id);
  }
  EXPECT_THAT(woken, IsEmpty());
  table.set_state(id, State::error);
  ledger.encourage(id);
  EXPECT_THAT(woken, ElementsAre(id));
}

TEST_F(LedgerTest, NeverSendsAnEmptyHandle) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::deactivated)));
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "")));
  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::deleted)));
  EXPECT_THAT(writer.bodies(), SizeIs(3));
  EXPECT_THAT(writer.bodies(), testing::Each(HasSubstr("\"handle\":\"handle.invalid\"")));
}

TEST_F(LedgerTest, SendsAHandleOnlyWhenItDiffers) {
  const RepoId id = active_repo();
  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.set_handle(id, "alice.test")));
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "alice.test")));
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "alice.test")));
  EXPECT_THAT(writer.bodies(), SizeIs(1));
  EXPECT_EQ(database.find(id)->details.handle, "alice.test");
}

TEST_F(LedgerTest, ANewRepoGetsItsFirstHandleWithoutAQuestionToTheDatabase) {
  const RepoId id = active_repo();
  reader.failures = 1;
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "alice.test")));
  EXPECT_FALSE(loop.run(ledger.set_handle(id, "bob.test")));  // now it has to ask
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "bob.test")));
  EXPECT_THAT(writer.bodies(), ElementsAre(HasSubstr("alice.test"), HasSubstr("bob.test")));
}

TEST_F(LedgerTest, OnlyARepoAddedSinceTheStartIsBlankAndOnlyOnce) {
  const RepoId earlier{7};
  table.add(earlier, did_of(7), {});
  EXPECT_FALSE(ledger.take_blank(earlier));
  const RepoId id = active_repo();
  EXPECT_TRUE(ledger.take_blank(id));
  EXPECT_FALSE(ledger.take_blank(id));
}

TEST_F(LedgerTest, ExpectsAHandleUntilItIsSetAlsoToWhatItWas) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "alice.test")));
  EXPECT_FALSE(database.find(id)->details.handle_due);
  ASSERT_TRUE(loop.run(ledger.expect_handle(id)));
  EXPECT_TRUE(database.find(id)->details.handle_due);
  ASSERT_TRUE(loop.run(ledger.set_handle(id, "alice.test")));
  EXPECT_FALSE(database.find(id)->details.handle_due);
  EXPECT_THAT(writer.bodies(), SizeIs(1));
}

TEST_F(LedgerTest, RemovesADeletedAccountAndSaysSoLast) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.advance(id, commit(2, {op(atproto::Action::create, "a")}))));
  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.set_account(id, Account::deleted)));
  EXPECT_TRUE(table.contains(id));
  EXPECT_EQ(table.get(id)->account, Account::active);

  ASSERT_TRUE(loop.run(ledger.set_account(id, Account::deleted)));
  EXPECT_FALSE(table.contains(id));
  EXPECT_EQ(database.repos(), 0U);
  ASSERT_THAT(writer.bodies(), SizeIs(2));
  EXPECT_THAT(writer.bodies().back(), HasSubstr("\"status\":\"deleted\""));
}

TEST_F(LedgerTest, AnAccountStatusNeedsTheHandleAndSaysWhenItCannotBeRead) {
  const RepoId id = active_repo();
  reader.failures = 1;
  EXPECT_FALSE(loop.run(ledger.set_account(id, Account::takendown)));
  EXPECT_EQ(table.get(id)->account, Account::active);
  EXPECT_THAT(writer.writes, IsEmpty());
}

TEST_F(LedgerTest, KeepsEventsInTheirOrder) {
  const RepoId id = active_repo();
  ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(2), {1, 2})));
  ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(3), {1, 3})));
  const auto kept = loop.run(reader.buffered(id, 0, 10)).value();
  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].rev, atproto::Tid(2));
  EXPECT_THAT(kept[1].commit, ElementsAre(1, 3));
}

TEST_F(LedgerTest, DropsAllThatItKeptWhenThereAreTooManyEvents) {
  const RepoId id = active_repo();
  for (std::uint64_t rev = 2; rev < 6; ++rev) ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(rev), {1})));
  EXPECT_THAT(database.find(id)->buffered, SizeIs(4));
  EXPECT_FALSE(ledger.buffer_overflowed(id));

  writer.failures = 1;
  EXPECT_FALSE(loop.run(ledger.buffer(id, atproto::Tid(6), {1})));
  EXPECT_FALSE(ledger.buffer_overflowed(id));
  const std::size_t writes = writer.writes.size();
  for (std::uint64_t rev = 6; rev < 9; ++rev) ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(rev), {1})));
  EXPECT_TRUE(ledger.buffer_overflowed(id));
  EXPECT_THAT(database.find(id)->buffered, IsEmpty());
  EXPECT_EQ(writer.writes.size(), writes + 1);
  EXPECT_EQ(metrics.counter("tap_resync_buffer_overflows_total", "").value(), 1U);
}

TEST_F(LedgerTest, CountsTheBytesOfWhatItKeepsPerRepo) {
  const RepoId id = active_repo(0);
  const RepoId other = active_repo(1);
  ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(2), Bytes(60, 1))));
  ASSERT_TRUE(loop.run(ledger.buffer(other, atproto::Tid(2), Bytes(60, 1))));
  ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(3), Bytes(40, 1))));
  EXPECT_FALSE(ledger.buffer_overflowed(id));
  ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(4), Bytes(1, 1))));
  EXPECT_TRUE(ledger.buffer_overflowed(id));
  EXPECT_FALSE(ledger.buffer_overflowed(other));

  ledger.reset_buffer(id);
  EXPECT_FALSE(ledger.buffer_overflowed(id));
  ASSERT_TRUE(loop.run(ledger.buffer(id, atproto::Tid(5), Bytes(100, 1))));
  EXPECT_THAT(database.find(id)->buffered, SizeIs(1));
}

TEST_F(LedgerTest, HoldsRemovalBackUntilTheTurnIsOver) {
  const RepoId id = active_repo();
  std::optional<async::Turns::Ticket> turn(ledger.turn_of(did_of(0).str()));
  loop.run(turn->turn());
  auto removal = loop.start(ledger.untrack({did_of(0)}));
  EXPECT_TRUE(table.contains(id));
  ASSERT_TRUE(loop.run(ledger.advance(id, commit(2, {}))));
  turn.reset();
  loop.run_until([&] { return removal.done(); });
  EXPECT_FALSE(table.contains(id));
}

TEST_F(LedgerTest, ACallerThatIsCancelledWhileItWaitsLeavesBothInStep) {
  writer.gate.close();
  {
    test::Background tracking(loop, [](Ledger& ledger) -> Task<void> {
      auto tracked = co_await ledger.track({did_of(1)});
      static_cast<void>(tracked);
    }(ledger));
    EXPECT_EQ(writer.gate.waiting(), 1U);
  }
  EXPECT_EQ(table.size(), database.repos());
  writer.gate.open();
  EXPECT_EQ(loop.run(ledger.track({did_of(1)})).value(), 1U);
}

}  // namespace
}  // namespace tap::ledger
