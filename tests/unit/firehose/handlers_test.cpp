// SPDX-License-Identifier: MIT
// What each kind of event means, seen from outside: through the processor.
#include "tap/ledger/buffered.hpp"

#include "unit/firehose/world.hpp"

#include <functional>

namespace tap::firehose {
namespace {

using repos::Account;
using repos::State;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr atproto::Tid kFarFuture{std::uint64_t{1'900'000'000'000'000} << 10};  // in 2030

class Commits : public World {
 protected:
  /// This commit is not believed, its repo is marked once, and what follows is left to the fetch.
  void expect_desynchronizes(const std::function<void(test::CommitMessage&)>& spoil, const std::string& why = {}) {
    test::Account account = followed(next_account_++);
    auto message = account.post();
    spoil(message);
    const auto before = held(account);
    handle(message);
    EXPECT_EQ(state_of(account), State::desynchronized);
    EXPECT_EQ(held(account), before);
    EXPECT_THAT(database.find(account.did().str())->details.error, HasSubstr(why));
    EXPECT_THAT(writer.bodies(), IsEmpty());
    EXPECT_EQ(cursor(), seq);

    const auto writes = writer.writes.size();
    handle(account.post());
    EXPECT_EQ(writer.writes.size(), writes);
    EXPECT_EQ(cursor(), seq);
    writer.writes.clear();
  }

 private:
  std::uint64_t next_account_ = 1;
};

TEST_F(Commits, AreAppliedWhenTheyChain) {
  auto account = followed(1);
  handle(account.post());
  const auto path = account.new_path();
  handle(account.commit({test::create(path, test::post_record(9))}));
  handle(account.commit({test::update(path, test::post_record(10))}));
  handle(account.commit({test::remove(path)}));
  handle(account.commit({}));

  expect_in_step(account);
  EXPECT_EQ(state_of(account), State::active);
  EXPECT_THAT(writer.bodies(),
              ElementsAre(HasSubstr("\"create\""), AllOf(HasSubstr("\"create\""), HasSubstr("\"live\":true")),
                          HasSubstr("\"update\""), HasSubstr("\"delete\"")));
  EXPECT_EQ(count("tap_firehose_events_processed_total"), 5U);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(Commits, AdvanceTheHeadAlsoWhenTheirRecordsAreFiltered) {
  filter = verify::Filter({"app.bsky.graph.*"});
  auto account = followed(1);
  handle(account.post());
  EXPECT_EQ(held(account).rev, account.head()->rev);
  EXPECT_THAT(writer.bodies(), IsEmpty());
}

TEST_F(Commits, ThatNameTwoDidsAreNotBelieved) {
  test::Account account = followed(1);
  test::Account other = followed(2);
  auto message = other.post();
  message.seq = ++seq;
  const Bytes frame = message.frame();
  auto head = atproto::read_frame_head(frame).value();
  head.did = account.did().str();  // as an extra field `did` would make it
  processor().accept(head, frame);
  drain();
  EXPECT_EQ(state_of(account), State::desynchronized);
  EXPECT_THAT(writer.bodies(), IsEmpty());
}

TEST_F(Commits, AreIgnoredWhenOld) {
  auto account = followed(1);
  const auto message = account.post();
  handle(message);
  handle(message);
  expect_in_step(account);
  EXPECT_THAT(writer.writes, SizeIs(1));
  EXPECT_EQ(cursor(), seq);
}

TEST_F(Commits, ThatDoNotChainMarkTheRepo) {
  expect_desynchronizes([](auto& message) { message.since = "3jzfcijpj2z2a"; }, "does not follow");
  auto account = followed(50);
  static_cast<void>(account.post());
  handle(account.post());
  EXPECT_EQ(state_of(account), State::desynchronized);
}

TEST_F(Commits, WithoutTheirDataMarkTheRepo) {
  expect_desynchronizes([](auto& message) { message.too_big = true; }, "tooBig");
  expect_desynchronizes([](auto& message) { message.rebase = true; });
  expect_desynchronizes([](auto& message) { message.drop(message.commit); });
  expect_desynchronizes([](auto& message) { message.drop(message.ops[0].cid.value()); });
  expect_desynchronizes([](auto& message) { message.prev_data.reset(); }, "legacy");
  expect_desynchronizes([](auto& message) { message.car = Bytes(2'000'001, 0); }, "limits");
}

TEST_F(Commits, ThatLieMarkTheRepo) {
  expect_desynchronizes([](auto& message) { message.ops.clear(); });
  expect_desynchronizes([](auto& message) { message.commit = *message.prev_data; });
  expect_desynchronizes([](auto& message) { message.ops[0].path = "app.bsky.feed.post/another"; });
  expect_desynchronizes([](auto& message) { message.time = "yesterday"; });
}

TEST_F(Commits, ThatAreMalformedMarkTheRepoAndNothingElse) {
  expect_desynchronizes([](auto& message) { message.null_op = true; });
  expect_desynchronizes([](auto& message) { message.rev = "not a tid"; });
  expect_desynchronizes([](auto& message) { message.ops[0].action = "replace"; });
}

TEST_F(Commits, OfTheFarFutureAreNotBelievedAndMarkTheRepo) {
  test::Account account = followed(1);
  const auto before = held(account);
  account.set_next_rev(kFarFuture);
  handle(account.post());
  EXPECT_EQ(held(account), before);
  EXPECT_THAT(writer.bodies(), IsEmpty());
  EXPECT_EQ(state_of(account), State::desynchronized);
  EXPECT_THAT(database.find(account.did().str())->details.error, HasSubstr("future"));
  EXPECT_EQ(count("tap_firehose_future_revs_total"), 1U);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(Commits, AreNotLostWhenOurClockIsBehind) {
  test::Account account = followed(1);
  const auto micros = static_cast<std::uint64_t>((clock.wall() + std::chrono::minutes(4)).time_since_epoch().count());
  account.set_next_rev(atproto::Tid(micros << 10));
  clock.set_wall(clock.wall() - std::chrono::minutes(10));
  handle(account.post());
  EXPECT_EQ(state_of(account), State::desynchronized) << "the repo went on, and nothing else may ever tell";
}

TEST_F(Commits, AreRefreshedOnceAfterAMissedRotation) {
  test::Account account = followed(1);
  handle(account.post());
  account.rotate(test::SigningKey(atproto::Curve::p256, 7));
  directory.know(account);
  handle(account.post());
  handle(account.post());

  expect_in_step(account);
  EXPECT_EQ(directory.refreshes, 1U);
  EXPECT_EQ(directory.lookups, 1U);
}

TEST_F(Commits, OfAnotherKeyMarkTheRepoAfterOneRefresh) {
  test::Account account = followed(1);
  handle(account.commit({}, {.key = test::SigningKey(atproto::Curve::k256, 99)}));
  EXPECT_EQ(state_of(account), State::desynchronized);
  EXPECT_EQ(directory.refreshes, 1U);
  EXPECT_THAT(database.find(account.did().str())->details.error, HasSubstr("signature"));
}

TEST_F(Commits, NeedAKeyThatIsDeclared) {
  test::Account account = followed(1);
  identity::Identity keyless;
  keyless.did = account.did();
  keyless.key_error = "no signing key is declared";
  directory.know(keyless);
  ASSERT_TRUE(loop.run(directory.lookup(account.did())));
  // Meanwhile the key was declared.
  directory.know(account);
  handle(account.post());
  expect_in_step(account);

  directory.know(keyless);
  directory.purge(account.did());
  handle(account.post());
  EXPECT_EQ(state_of(account), State::desynchronized);
}

TEST_F(Commits, OfInactiveAccountsAreIgnored) {
  test::Account account = followed(1);
  handle(account.status(false, "takendown"));
  writer.writes.clear();
  auto message = account.post();
  handle(message);
  handle(account.sync());
  message.null_op = true;
  handle(message);
  EXPECT_THAT(writer.writes, IsEmpty());
  EXPECT_EQ(state_of(account), State::active);
}

TEST_F(Commits, OfReposThatWaitForTheirFetchAreIgnored) {
  test::Account account = followed(1);
  const auto id = table.find(account.did().str()).value();
  for (const auto state : {State::pending, State::desynchronized, State::error}) {
    table.set_state(id, state);
    handle(account.post());
    EXPECT_THAT(writer.writes, IsEmpty());
    EXPECT_EQ(table.get(id)->state, state);
  }
  EXPECT_EQ(cursor(), seq);
}

TEST_F(Commits, ThatWereShownAreWhatTheFetchMustBring) {
  using Verdict = ledger::SeenRevs::Verdict;
  test::Account account = followed(1);
  const auto id = table.find(account.did().str()).value();
  const auto before = account.head()->rev;
  const auto expect_behind = [&](bool behind) {
    EXPECT_EQ(ledger.seen_revs().fetched(id, before), behind ? Verdict::behind : Verdict::current);
    EXPECT_EQ(ledger.seen_revs().fetched(id, account.head()->rev), Verdict::current);
    ledger.seen_revs().forget(id);
  };
  handle(account.post());  // applied: nothing to be fetched
  EXPECT_EQ(ledger.seen_revs().size(), 0U);

  account.post();
  handle(account.post());  // does not chain
  ASSERT_EQ(state_of(account), State::desynchronized);
  expect_behind(true);
  for (const auto state : {State::pending, State::desynchronized, State::resyncing, State::error}) {
    table.set_state(id, state);
    handle(account.post());
    expect_behind(true);
    handle(account.sync());
    expect_behind(true);
  }
  account.set_next_rev(kFarFuture);
  handle(account.post());
  expect_behind(false);
}

TEST_F(Commits, CountForTheFetchByTheirOwnRevNotByTheEvents) {
  test::Account account = followed(1);
  table.set_state(table.find(account.did().str()).value(), State::pending);
  auto sync = account.sync();
  sync.rev = atproto::Tid(account.head()->rev.value() + (1 << 20)).str();  // as the reference PDS does
  handle(sync);
  EXPECT_EQ(ledger.seen_revs().size(), 0U);
}

TEST_F(Commits, CountForTheFetchAlsoWithoutTheirBlocks) {
  test::Account account = followed(1);
  const auto id = table.find(account.did().str()).value();
  table.set_state(id, State::pending);
  const auto before = account.head()->rev;
  auto message = account.post();
  message.too_big = true;
  message.ops.clear();
  message.car = Bytes();
  handle(message);
  EXPECT_EQ(ledger.seen_revs().fetched(id, before), ledger::SeenRevs::Verdict::behind);
}

TEST_F(Commits, OfAReposFetchAreKept) {
  test::Account account = followed(1);
  const auto id = table.find(account.did().str()).value();
  table.set_state(id, State::resyncing);
  const auto message = account.post();
  handle(message);
  handle(account.sync());
  const auto& kept = database.find(id)->buffered;
  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].rev.str(), message.rev);
  EXPECT_EQ(ledger::unpack_buffered(kept[0].commit)->kind, atproto::EventKind::commit);
  EXPECT_EQ(ledger::unpack_buffered(kept[1].commit)->kind, atproto::EventKind::sync);
  EXPECT_EQ(directory.lookups, 0U);
}

TEST_F(Commits, ThatAreMalformedDuringAFetchSpoilIt) {
  test::Account account = followed(1);
  const auto id = table.find(account.did().str()).value();
  table.set_state(id, State::resyncing);
  auto message = account.post();
  message.null_op = true;
  handle(message);
  // It comes after every snapshot, and cannot be read there either.
  ASSERT_THAT(database.find(id)->buffered, SizeIs(1));
  const auto& kept = database.find(id)->buffered[0];
  EXPECT_GT(kept.rev, kFarFuture);
  EXPECT_FALSE(atproto::decode_commit(ledger::unpack_buffered(kept.commit)->body));
}

class Syncs : public World {};

TEST_F(Syncs, OfTheSameContentMoveTheRev) {
  test::Account account = followed(1);
  static_cast<void>(account.commit({}));
  handle(account.sync());
  expect_in_step(account);
  EXPECT_THAT(writer.bodies(), IsEmpty());
}

TEST_F(Syncs, OfOtherContentMarkTheRepo) {
  test::Account account = followed(1);
  static_cast<void>(account.post());
  handle(account.sync());
  EXPECT_EQ(state_of(account), State::desynchronized);
}

TEST_F(Syncs, ThatAreOldAreIgnored) {
  test::Account account = followed(1);
  handle(account.sync());
  EXPECT_THAT(writer.writes, IsEmpty());
}

TEST_F(Syncs, OfAnotherAccountTouchOnlyTheOneTheyName) {
  test::Account a = followed(1);
  test::Account b = followed(2);
  static_cast<void>(b.post());
  auto message = b.sync();
  message.did = a.did().str();
  handle(message);
  EXPECT_EQ(state_of(b), State::active);
  EXPECT_EQ(state_of(a), State::desynchronized);
}

TEST_F(Syncs, OfTheFarFutureMarkTheRepoEvenOfTheSameContent) {
  test::Account account = followed(1);
  const auto before = held(account);
  account.set_next_rev(kFarFuture);
  static_cast<void>(account.commit({}));
  handle(account.sync());
  EXPECT_EQ(held(account), before);
  EXPECT_EQ(state_of(account), State::desynchronized);
}

class Identities : public World {};

TEST_F(Identities, AreForgottenAndTheirHandlesChecked) {
  test::Account account = followed(1);
  handle(account.post());
  database.find(account.did().str())->details.handle_due = false;
  handle(account.identity());
  EXPECT_TRUE(database.find(account.did().str())->details.handle_due);  // a crash before the check does not lose it
  EXPECT_EQ(directory.cached(account.did()), nullptr);
  EXPECT_THAT(handle_checks, ElementsAre(account.did().str()));
  EXPECT_THAT(writer.bodies(), SizeIs(1));
}

TEST_F(Identities, EncourageAnotherFetchOfARepoThatFailed) {
  test::Account account = followed(1);
  std::vector<repos::RepoId> woken;
  ledger.on_work([&](repos::RepoId id) { woken.push_back(id); });
  handle(account.identity());
  EXPECT_THAT(woken, IsEmpty());
  table.set_state(table.find(account.did().str()).value(), State::error);
  handle(account.identity());
  handle(account.status(true));
  EXPECT_THAT(woken, SizeIs(2));
}

TEST_F(Commits, EncourageAnotherFetchOfARepoThatFailedInPassing) {
  test::Account account = followed(1);
  const auto id = table.find(account.did().str()).value();
  const test::CommitMessage held = account.post();
  handle(held);
  std::vector<repos::RepoId> woken;
  ledger.on_work([&](repos::RepoId repo) { woken.push_back(repo); });
  table.set_state(id, State::error);
  handle(held);
  EXPECT_THAT(woken, IsEmpty()) << "that is no news";
  handle(account.post());
  EXPECT_THAT(woken, SizeIs(1));
  ledger.note_failure(id, true);
  handle(account.post());
  EXPECT_THAT(woken, SizeIs(1)) << "the PDS has said no";
  ledger.note_failure(id, false);
  account.set_next_rev(kFarFuture);
  handle(account.post());
  EXPECT_THAT(woken, SizeIs(1));
}

class Accounts : public World {
 protected:
  Account account_of(const test::Account& account) {
    return table.get(table.find(account.did().str()).value())->account;
  }
};

TEST_F(Accounts, AreInactiveWhateverTheReason) {
  test::Account account = followed(1);
  handle(account.status(false, "suspended"));
  EXPECT_EQ(account_of(account), Account::suspended);
  handle(account.status(false, "something new"));
  EXPECT_EQ(account_of(account), Account::inactive);
  handle(account.status(false));
  handle(account.status(false, "active"));
  EXPECT_EQ(account_of(account), Account::inactive);
  EXPECT_THAT(writer.bodies(),
              ElementsAre(HasSubstr("\"status\":\"suspended\""),
                          AllOf(HasSubstr("\"is_active\":false"), HasSubstr("\"status\":\"deactivated\""))));
}

TEST_F(Accounts, AreActiveWhateverTheStatus) {
  test::Account account = followed(1);
  handle(account.status(true, "throttled"));
  handle(account.status(true, "desynchronized"));
  handle(account.status(true, "deleted"));
  EXPECT_THAT(writer.writes, IsEmpty());
  EXPECT_EQ(account_of(account), Account::active);
}

TEST_F(Accounts, AreFetchedWhenTheyComeBack) {
  test::Account account = followed(1);
  handle(account.status(false, "deactivated"));
  EXPECT_EQ(state_of(account), State::active);
  handle(account.status(true));
  EXPECT_EQ(state_of(account), State::desynchronized);
}

TEST_F(Accounts, ThatAreDeletedAreGone) {
  test::Account account = followed(1);
  handle(account.status(false, "deleted"));
  EXPECT_EQ(table.size(), 0U);
  EXPECT_THAT(writer.bodies(), ElementsAre(HasSubstr("\"status\":\"deleted\"")));
  handle(account.post());
  handle(account.identity());
  EXPECT_THAT(handle_checks, IsEmpty());
  EXPECT_EQ(cursor(), seq);
}

TEST_F(Accounts, EventsThatAreMalformedAreSkipped) {
  test::Account account = followed(1);
  auto message = account.status(false, "takendown");
  Bytes payload = message.payload();
  const auto at = std::ranges::search(payload, as_bytes("active"));
  ASSERT_FALSE(at.empty());
  *at.begin() = 'A';
  receive_frame(test::message_frame("#account", payload));
  drain();
  EXPECT_EQ(account_of(account), Account::active);
  EXPECT_EQ(count("tap_firehose_events_invalid_total"), 1U);
}

}  // namespace
}  // namespace tap::firehose
