// SPDX-License-Identifier: MIT
#include "tap/atproto/error.hpp"

#include "unit/firehose/world.hpp"

namespace tap::firehose {
namespace {

using repos::State;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ProcessorTest : public World {
 protected:
  /// Until so many writes wait at the closed gate.
  void until_waiting(std::size_t writes) {
    loop.run_until([&] { return writer.gate.waiting() == writes; });
  }
  /// Of a did:web.
  test::Account followed_of_host(std::uint64_t number) {
    test::Account account(number, atproto::Did::parse("did:web:stranger" + std::to_string(number) + ".test").value());
    account.fill(3);
    follow(account);
    return account;
  }
  std::int64_t in_flight() { return metrics.gauge("tap_queue_depth", "", {{"queue", "lanes"}}).value(); }
};

TEST_F(ProcessorTest, PassesWhatAsksForNothing) {
  test::Account stranger(9);
  receive(stranger.post());
  EXPECT_EQ(cursor(), seq);
  receive(stranger.status(false, "deleted"));
  receive(stranger.identity());
  EXPECT_EQ(cursor(), seq);

  // Unknown types with a seq, with a tracked DID or none.
  auto account = followed(1);
  auto message = account.identity();
  message.seq = ++seq;
  receive_frame(test::message_frame("#handle", message.payload()));
  EXPECT_EQ(cursor(), seq);
  receive_frame(test::message_frame("#labels", Bytes{0xa1, 0x63, 's', 'e', 'q', 0x18, 0xc8}));
  EXPECT_EQ(cursor(), 200);
  EXPECT_EQ(processor().low_water().unfinished(), 0U);
  EXPECT_EQ(count("tap_firehose_events_skipped_total"), 5U);
  EXPECT_THAT(writer.writes, IsEmpty());
}

TEST_F(ProcessorTest, CountsFramesThatCannotBeRead) {
  processor().refuse(Error(atproto::Errc::frame_malformed));
  EXPECT_EQ(count("tap_firehose_events_malformed_total"), 1U);
}

TEST_F(ProcessorTest, HoldsTheCursorUntilTheEffectIsDurable) {
  auto account = followed(1);
  test::Account stranger(9);
  writer.gate.close();
  const auto first = receive(account.post());
  receive(stranger.post());
  until_waiting(1);
  EXPECT_EQ(cursor(), first - 1);
  writer.gate.open();
  drain();
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, TakesEventsOfOneRepoInTheirOrder) {
  auto account = followed(1);
  writer.gate.close();
  for (int i = 0; i < 20; ++i) receive(account.post());
  until_waiting(1);
  loop.settle();
  EXPECT_EQ(writer.gate.waiting(), 1U);
  writer.gate.open();
  drain();
  expect_in_step(account);
  EXPECT_THAT(writer.writes, SizeIs(20));
}

TEST_F(ProcessorTest, TakesEventsOfManyReposAtOnce) {
  std::vector<test::Account> accounts;
  for (std::uint64_t i = 1; i <= 20; ++i) accounts.push_back(followed(i));
  writer.gate.close();
  for (auto& account : accounts) receive(account.post());
  until_waiting(20);
  // The cursor waits for the first, whatever comes of the others.
  writer.gate.open();
  drain();
  for (const auto& account : accounts) expect_in_step(account);
}

TEST_F(ProcessorTest, OneSlowKeyDelaysOnlyItsOwnRepo) {
  auto slow = followed(1);
  auto quick = followed(2);
  ASSERT_TRUE(loop.run(directory.lookup(quick.did())));
  directory.gate.close();
  const auto first = receive(slow.post());
  receive(quick.post());
  loop.run_until([&] { return writer.writes.size() == 1; });
  expect_in_step(quick);
  EXPECT_EQ(cursor(), first - 1);
  directory.gate.open();
  drain();
  expect_in_step(slow);
}

TEST_F(ProcessorTest, TriesAgainWhenTheDatabaseFails) {
  auto account = followed(1);
  writer.failures = 8;
  const auto first = receive(account.post());
  receive(account.post());
  loop.run_until([&] { return writer.failures < 5; });
  EXPECT_EQ(cursor(), first - 1);
  drain();
  expect_in_step(account);
  EXPECT_EQ(state_of(account), State::active);
  EXPECT_EQ(count("tap_firehose_events_retried_total"), 8U);
}

TEST_F(ProcessorTest, TriesAgainWhenTheDirectoryDoesNotAnswer) {
  auto account = followed(1);
  directory.error = identity::Errc::unavailable;
  const auto first = receive(account.post());
  loop.run_until([&] { return directory.lookups == 3; });
  EXPECT_EQ(cursor(), first - 1);
  directory.error.reset();
  drain();
  expect_in_step(account);
}

TEST_F(ProcessorTest, WaitsForTheDirectoryForMinutesWhileReposOfKnownKeysGoOn) {
  auto unknown = followed(1);
  auto known = followed(2);
  ASSERT_TRUE(loop.run(directory.lookup(known.did())));
  directory.error = identity::Errc::unavailable;
  const auto first = receive(unknown.post());
  loop.run_until([&] { return count("tap_firehose_events_retried_total") == 1; });
  clock.advance(std::chrono::minutes(9));
  receive(known.post());
  loop.run_until([&] { return count("tap_firehose_events_retried_total") == 12; });
  expect_in_step(known);
  EXPECT_EQ(cursor(), first - 1);

  directory.error.reset();
  drain();
  expect_in_step(unknown);
  EXPECT_EQ(state_of(unknown), State::active);
}

TEST_F(ProcessorTest, MarksTheRepoWhenTheKeyCannotBeHadForLong) {
  auto account = followed(1);
  directory.error = identity::Errc::unavailable;
  for (int i = 0; i < 5; ++i) receive(account.post());
  loop.run_until([&] { return count("tap_firehose_events_retried_total") == 1; });
  clock.advance(std::chrono::minutes(10));
  drain();
  EXPECT_EQ(state_of(account), State::desynchronized);
  // Only the first one waited; the others have nothing to ask for.
  EXPECT_EQ(directory.lookups, 2U);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, TriesTheHostOfADidWebOnceMoreOnly) {
  auto owner = followed(1);
  const auto id = table.find(owner.did().str()).value();
  const auto did = atproto::Did::parse("did:web:stranger.test").value();
  ASSERT_TRUE(loop.run(ledger.track({did})));
  const auto stranger = table.find(did.str()).value();
  table.set_head(stranger, table.get(id)->head.value());
  table.set_state(stranger, State::active);
  directory.error = identity::Errc::unavailable;
  auto message = owner.post();
  message.repo = did.str();
  handle(message);
  EXPECT_EQ(table.get(stranger)->state, State::desynchronized);
  EXPECT_EQ(directory.lookups, 2U);
}

TEST_F(ProcessorTest, MarksTheRepoAtOnceWhenThereIsSurelyNoKey) {
  auto account = followed(1);
  directory.error = identity::Errc::not_found;
  handle(account.post());
  EXPECT_EQ(state_of(account), State::desynchronized);
  EXPECT_EQ(directory.lookups, 1U);
}

TEST_F(ProcessorTest, HasRoomForABoundedNumberOfEvents) {
  options.events_in_flight = 3;
  auto account = followed(1);
  writer.gate.close();
  receive(account.post());
  receive(account.post());
  EXPECT_TRUE(processor().has_room());
  receive(account.post());
  EXPECT_FALSE(processor().has_room());
  auto room = loop.start(processor().wait_for_room());
  EXPECT_FALSE(room.done());
  writer.gate.let_one_pass();
  loop.run_until([&] { return room.done(); });
  EXPECT_TRUE(processor().has_room());
  EXPECT_EQ(in_flight(), 2);
}

TEST_F(ProcessorTest, HasRoomForABoundedNumberOfBytes) {
  auto account = followed(1);
  auto message = account.post();
  options.bytes_in_flight = message.frame().size();
  writer.gate.close();
  receive(message);
  EXPECT_FALSE(processor().has_room());
  writer.gate.open();
  drain();
  EXPECT_TRUE(processor().has_room());
  EXPECT_EQ(metrics.gauge("tap_queue_depth", "", {{"queue", "lane_bytes"}}).value(), 0);
}

TEST_F(ProcessorTest, FetchesARepoOfTooManyEventsInstead) {
  options.events_per_repo = 3;
  auto busy = followed(1);
  auto other = followed(2);
  writer.gate.close();
  for (int i = 0; i < 10; ++i) receive(busy.post());
  receive(busy.status(false, "takendown"));
  receive(other.post());
  until_waiting(2);
  EXPECT_EQ(in_flight(), 6);
  writer.gate.open();
  drain();
  expect_in_step(other);
  EXPECT_EQ(state_of(busy), State::desynchronized);
  EXPECT_THAT(database.find(busy.did().str())->details.error, testing::HasSubstr("too many"));
  EXPECT_EQ(database.find(busy.did().str())->repo.account, repos::Account::takendown);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, DoesNotLetHostsOfDidWebsThatHangTakeTheRoomOfTheOthers) {
  options.events_in_flight = 16;
  std::vector<test::Account> strangers;
  for (std::uint64_t number = 10; number < 14; ++number) strangers.push_back(followed_of_host(number));
  directory.gate.close();
  // Two of them take an eighth of the room, and leave a mark each; the repos of all others are marked at once.
  for (int time = 0; time < 20; ++time) {
    for (auto& stranger : strangers) receive(stranger.post());
  }
  loop.settle();
  EXPECT_TRUE(processor().has_room());
  EXPECT_EQ(directory.gate.waiting(), 2U);
  EXPECT_EQ(in_flight(), 4);
  EXPECT_EQ(state_of(strangers[2]), State::desynchronized);
  EXPECT_EQ(state_of(strangers[3]), State::desynchronized);

  directory.gate.open();
  drain();
  for (const auto& stranger : strangers) EXPECT_EQ(state_of(stranger), State::desynchronized);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, DoesNotLetAHostThatHangsWhenItsKeyIsAskedForAgainTakeTheRoomOfTheOthers) {
  options.events_in_flight = 16;
  auto stranger = followed_of_host(10);
  handle(stranger.post());
  stranger.rotate(test::SigningKey(atproto::Curve::k256, 4'711));  // its host tells of this never
  directory.gate.close();
  receive(stranger.post());
  loop.run_until([&] { return directory.gate.waiting() == 1; });
  for (int i = 0; i < 30; ++i) receive(stranger.post());
  EXPECT_EQ(in_flight(), 4);  // the first, those of an eighth of the room, and the mark
  directory.gate.open();
  drain();
  EXPECT_EQ(state_of(stranger), State::desynchronized);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, KeepsTheLastIdentityAndTheLastAccountEventBehindAHostThatHangs) {
  options.events_in_flight = 16;
  auto stranger = followed_of_host(10);
  directory.gate.close();
  const auto first = receive(stranger.post());
  for (int i = 0; i < 20; ++i) {
    receive(stranger.post());
    receive(stranger.identity());
    receive(stranger.status(false, "deactivated"));
    receive(stranger.status(true, std::nullopt));
  }
  receive(stranger.status(false, "takendown"));
  EXPECT_EQ(in_flight(), 5);  // two commits, the mark and one each
  EXPECT_EQ(cursor(), first - 1);

  ASSERT_TRUE(processor().has_room());
  directory.gate.open();
  drain();
  EXPECT_EQ(database.find(stranger.did().str())->repo.account, repos::Account::takendown);
  EXPECT_EQ(directory.purges, 1U);
  EXPECT_THAT(handle_checks, ElementsAre(stranger.did().str()));
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, HoldsNothingOfWhatLargeIdentityAndAccountEventsBring) {
  auto account = followed(1);
  auto identity = account.identity();
  identity.handle = std::string(1'000'000, 'a');
  auto status = account.status(false, std::string(1'000'000, 'a'));
  writer.gate.close();
  receive(account.post());
  const auto held = metrics.gauge("tap_queue_depth", "", {{"queue", "lane_bytes"}}).value();
  receive(identity);
  receive(status);
  EXPECT_EQ(metrics.gauge("tap_queue_depth", "", {{"queue", "lane_bytes"}}).value(), held);
  writer.gate.open();
  drain();
  EXPECT_EQ(directory.purges, 1U);
  EXPECT_EQ(count("tap_firehose_events_invalid_total"), 1U);  // of no status that anybody knows
  EXPECT_EQ(database.find(account.did().str())->repo.account, repos::Account::active);
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, TakesAllEventsOfADidWebWhoseKeyIsKnown) {
  options.events_in_flight = 8;
  auto owner = followed_of_host(10);
  handle(owner.post());
  writer.gate.close();
  for (int i = 0; i < 7; ++i) receive(owner.post());
  writer.gate.open();
  drain();
  expect_in_step(owner);
}

TEST_F(ProcessorTest, FetchesARepoOfTooManyEventsEachTime) {
  options.events_per_repo = 2;
  auto busy = followed(1);
  const auto id = table.find(busy.did().str()).value();
  writer.gate.close();
  for (int i = 0; i < 3; ++i) receive(busy.post());
  receive(busy.identity());
  receive(busy.status(true));
  for (int write = 0; write < 3; ++write) {  // two commits and the mark
    until_waiting(1);
    writer.gate.let_one_pass();
  }
  loop.run_until([&] { return table.get(id)->state == State::desynchronized; });
  until_waiting(1);
  table.set_state(id, State::active);  // it was fetched, and its lane is full still
  receive(busy.post());
  writer.gate.open();
  drain();
  EXPECT_EQ(state_of(busy), State::desynchronized);
}

TEST_F(ProcessorTest, LetsARemovalGoBetween) {
  auto account = followed(1);
  writer.gate.close();
  receive(account.post());
  auto removal = loop.start(ledger.untrack({account.did()}));
  receive(account.post());
  until_waiting(1);
  writer.gate.open();
  drain();
  loop.run_until([&] { return removal.done(); });
  EXPECT_EQ(database.repos(), 0U);
  EXPECT_THAT(writer.bodies(), SizeIs(1));
  EXPECT_EQ(cursor(), seq);
}

TEST_F(ProcessorTest, GivesUpWhatIsInFlightWhenStopped) {
  auto account = followed(1);
  loop.run(processor().start_at(50));
  directory.gate.close();
  const auto first = receive(account.post());
  loop.settle();
  loop.run(processor().stop());
  EXPECT_EQ(cursor(), first - 1);
  EXPECT_EQ(in_flight(), 0);
}

TEST_F(ProcessorTest, TellsOfABugAndKeepsTheCursorBeforeIt) {
  auto account = followed(1);
  auto other = followed(2);
  bug = "must not happen";
  const auto first = receive(account.identity());
  receive(other.post());
  drain();
  EXPECT_EQ(failures, 1U);
  EXPECT_EQ(cursor(), first - 1);
  expect_in_step(other);
  loop.run(processor().stop());  // the shutdown goes on
}

TEST_F(ProcessorTest, StartsAtTheSavedCursor) {
  loop.run(processor().start_at(4'711));
  EXPECT_EQ(cursor(), 4'711);
  EXPECT_EQ(processor().low_water().seen(), 4'711);
}

}  // namespace
}  // namespace tap::firehose
