// SPDX-License-Identifier: MIT
// Events that are not acked: when they come again, and when they are given up.
#include "unit/outbox/outbox_fixture.hpp"

namespace tap::outbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(OutboxTest, UnackedEventsGoOutAgainAfterTheirTime) {
  options_.retry_timeout = 10s;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(2);
  const Ids taken = take(sink);
  pass(60s);
  EXPECT_THAT(take(sink), IsEmpty()) << "the clock runs from written() on";
  written(sink, {1});
  clock_.advance(5s);
  written(sink, {2});
  pass(5s);
  EXPECT_THAT(send(sink), ElementsAre(1));
  pass(5s);
  EXPECT_THAT(send(sink), ElementsAre(2));
  ack(1);
  pass(60s);
  EXPECT_THAT(send(sink), ElementsAre(2)) << "an acked one does not";
  EXPECT_EQ(metrics_.counter("tap_events_requeued_total", "").value(), 3U);
}

TEST_F(OutboxTest, NothingComesDueWhileNobodyIsThere) {
  options_.retry_timeout = 10s;
  start();
  commit(2);
  for (int time = 0; time < 100; ++time) pass(10s);
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_THAT(send(sink), ElementsAre(1, 2));
  EXPECT_THAT(send(sink), IsEmpty());
  EXPECT_EQ(metrics_.counter("tap_events_requeued_total", "").value(), 0U);
}

TEST_F(OutboxTest, UnackedEventsGoOutAgainWhilePagesAreRead) {
  options_.retry_timeout = 10s;
  journal_.page_limit = 1;
  journal_.gate.close();
  start(4);
  FakeSink sink;
  outbox_->attach(sink);
  journal_.gate.let_one_pass();
  loop_.settle();
  EXPECT_THAT(send(sink), ElementsAre(1));
  clock_.advance(10s);
  journal_.gate.let_one_pass();
  loop_.settle();
  EXPECT_THAT(send(sink), ElementsAre(1, 2));
}

TEST_F(OutboxTest, RetryClockWakesByItself) {
  options_.retry_timeout = 1ms;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1);
  EXPECT_THAT(take(sink), ElementsAre(1));
  const int before = sink.wakes;
  written(sink, {1});
  clock_.advance(1ms);
  loop_.run_until([&] { return sink.wakes > before; });
  EXPECT_THAT(take(sink), ElementsAre(1));
}

TEST_F(OutboxTest, ConsumerThatWorksThroughItsWindowGetsNothingTwice) {
  options_.retry_timeout = 10s;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(20);
  ASSERT_EQ(send(sink).size(), 20U);
  for (std::uint64_t id = 1; id <= 20; ++id) {
    pass(9s);
    EXPECT_THAT(take(sink), IsEmpty());
    ack(id);
  }
  EXPECT_EQ(outbox_->size(), 0U);
}

TEST_F(OutboxTest, EventThatIsPassedOverComesAgainWhateverElseIsAcked) {
  options_.retry_timeout = 10s;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(5);
  ASSERT_EQ(send(sink).size(), 5U);
  ack(2);
  pass(6s);
  ack(3);
  EXPECT_THAT(take(sink), IsEmpty());
  pass(4s);
  EXPECT_THAT(send(sink), ElementsAre(1)) << "4 and 5 have not been come to";
}

TEST_F(OutboxTest, WithoutALimitEventsComeAgainForEver) {
  options_.retry_timeout = 1s;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1);
  for (int attempt = 0; attempt < 50; ++attempt) {
    ASSERT_THAT(send(sink), ElementsAre(1));
    pass(1s);
  }
  EXPECT_THAT(journal_.letters, IsEmpty());
  ASSERT_THAT(send(sink), ElementsAre(1));
  EXPECT_TRUE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400"));
  EXPECT_TRUE(ack(1));
}

TEST_F(OutboxTest, EventIsSetAsideAfterItsLastAttemptAndItsLaneGoesOn) {
  options_.retry_timeout = 1s;
  options_.max_attempts = 3;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1, 7, Order::barrier, 10);
  commit(1, 7, Order::barrier);
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSERT_THAT(send(sink), ElementsAre(1));
    pass(1s);
  }
  ASSERT_EQ(journal_.letters.size(), 1U);
  const DeadLetter& letter = journal_.letters[0];
  EXPECT_EQ(letter.event.id, EventId{1});
  EXPECT_EQ(letter.event.lane, LaneKey{7});
  EXPECT_EQ(letter.event.order, Order::barrier);
  EXPECT_EQ(letter.event.body, std::string(10, 'x'));
  EXPECT_EQ(letter.attempts, 3U);
  EXPECT_EQ(letter.reason, "not acked");
  EXPECT_GT(letter.since, 1'700'000'000);
  EXPECT_EQ(outbox_->size(), 1U);
  EXPECT_EQ(metrics_.counter("tap_events_set_aside_total", "").value(), 1U);
  EXPECT_FALSE(ack(1)) << "too late";
  EXPECT_THAT(send(sink), ElementsAre(2));
  ack(2);
  EXPECT_EQ(outbox_->size(), 0U);
  EXPECT_EQ(in_memory(), 0);
}

TEST_F(OutboxTest, ADisconnectIsNotTheEventsFault) {
  options_.retry_timeout = 1s;
  options_.max_attempts = 2;
  start();
  commit(1);
  FakeSink sink;
  for (int connection = 0; connection < 5; ++connection) {
    outbox_->attach(sink);
    ASSERT_THAT(send(sink), ElementsAre(1));
    outbox_->detach(sink);
    pass(1s);
  }
  EXPECT_THAT(journal_.letters, IsEmpty());
  EXPECT_TRUE(ack(1));
}

TEST_F(OutboxTest, RefusalsCountAsAttempts) {
  options_.max_attempts = 2;
  start();
  FakeSink sink;
  FakeSink other;
  outbox_->attach(sink);
  outbox_->attach(other);
  commit(1);
  ASSERT_THAT(take(sink), ElementsAre(1));
  EXPECT_FALSE(outbox_->refused(other, EventId{1}, Refusal::for_now, "HTTP 400")) << "not its own";
  EXPECT_TRUE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400")) << "it may try again";
  EXPECT_FALSE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 413"));
  EXPECT_FALSE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 413"));
  loop_.settle();
  ASSERT_EQ(journal_.letters.size(), 1U);
  EXPECT_EQ(journal_.letters[0].reason, "HTTP 413");
  EXPECT_FALSE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400")) << "it is gone";
}

TEST_F(OutboxTest, EventThatIsRefusedForGoodHadItsLastAttempt) {
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(2, 1, Order::barrier);
  ASSERT_THAT(take(sink), ElementsAre(1));
  EXPECT_TRUE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400"));
  EXPECT_FALSE(outbox_->refused(sink, EventId{1}, Refusal::for_good, "HTTP 400"));
  loop_.settle();
  ASSERT_EQ(journal_.letters.size(), 1U);
  EXPECT_EQ(journal_.letters[0].attempts, 2U);
  EXPECT_THAT(take(sink), ElementsAre(2)) << "its lane goes on";
}

TEST_F(OutboxTest, LaneWaitsUntilItsEventIsDurablySetAside) {
  options_.max_attempts = 1;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1, 1, Order::barrier);
  commit(1, 1, Order::barrier);
  ASSERT_THAT(take(sink), ElementsAre(1));
  journal_.failures = 1;
  EXPECT_FALSE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400"));
  loop_.settle();
  EXPECT_THAT(take(sink), IsEmpty());
  EXPECT_FALSE(ack(1));
  outbox_->detach(sink);
  outbox_->attach(sink);
  EXPECT_THAT(take(sink), IsEmpty());
  loop_.run_until([&] { return !journal_.letters.empty(); });
  loop_.settle();
  EXPECT_THAT(take(sink), ElementsAre(2));
}

TEST_F(OutboxTest, StuckLaneKeepsToItsShareOfTheMemory) {
  options_.lane_capacity = 4;
  options_.capacity = 100;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1, 1, Order::barrier);
  ASSERT_THAT(take(sink), ElementsAre(1));
  commit(50, 1, Order::barrier);
  EXPECT_EQ(in_memory(), 51) << "nothing is wrong with it yet";
  EXPECT_TRUE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400"));
  EXPECT_EQ(in_memory(), 5);
  commit(200, 1, Order::barrier);
  EXPECT_EQ(in_memory(), 5);
  EXPECT_EQ(outbox_->size(), 251U);
  EXPECT_TRUE(outbox_->has_room()) << "others are not held up";
  commit(1, 2);
  EXPECT_THAT(take(sink), ElementsAre(252));
  ack(252);

  for (std::uint64_t id = 1; id <= 251; ++id) {
    ASSERT_TRUE(ack(id));
    EXPECT_LE(in_memory(), 6);
    if (id < 251) ASSERT_THAT(take(sink), ElementsAre(id + 1));
  }
  EXPECT_EQ(outbox_->size(), 0U);
  commit(20, 1, Order::barrier);
  EXPECT_EQ(in_memory(), 20) << "it is a lane like others again";
}

TEST_F(OutboxTest, StuckLaneFreesTheMemoryThatOthersWaitFor) {
  options_.lane_capacity = 2;
  options_.capacity = 10;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1, 1, Order::barrier);
  ASSERT_THAT(take(sink), ElementsAre(1));
  commit(20, 1);
  commit(3, 2);
  EXPECT_FALSE(outbox_->has_room());
  EXPECT_TRUE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400"));
  loop_.settle();
  EXPECT_TRUE(outbox_->has_room());
  EXPECT_THAT(take(sink), ElementsAre(22, 23, 24));
}

TEST_F(OutboxTest, FailureDuringTheReadOfItsLaneLosesNothing) {
  options_.lane_capacity = 4;
  start();
  commit(12);
  FakeSink first;
  FakeSink second;
  outbox_->attach(first);
  outbox_->attach(second);
  EXPECT_THAT(send(first, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(send(second, 3), ElementsAre(4, 5, 6));
  EXPECT_TRUE(outbox_->refused(first, EventId{1}, Refusal::for_now, "no"));  // 11 and 12 are left on disk
  EXPECT_THAT(send(first, 2), ElementsAre(7, 8));
  journal_.gate.close();
  ack(2);
  ASSERT_EQ(journal_.lane_reads, 1);
  outbox_->detach(second);
  EXPECT_TRUE(outbox_->refused(first, EventId{3}, Refusal::for_now, "no"));  // 10 as well
  journal_.gate.open();
  loop_.settle();
  for (const auto id : Ids{1, 3, 7, 8}) EXPECT_TRUE(ack(id));
  EXPECT_THAT(take_all(first), ElementsAre(4, 5, 6, 9, 10, 11, 12));
}

TEST_F(OutboxTest, ReadOfAStuckLaneThatFailsIsTriedAgain) {
  options_.lane_capacity = 1;
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1, 1, Order::barrier);
  ASSERT_THAT(take(sink), ElementsAre(1));
  commit(3, 1);
  EXPECT_TRUE(outbox_->refused(sink, EventId{1}, Refusal::for_now, "HTTP 400"));
  ack(1);
  ASSERT_THAT(take(sink), ElementsAre(2));
  journal_.failures = 1;
  ack(2);
  EXPECT_THAT(take(sink), IsEmpty());
  loop_.run_until([&] { return journal_.lane_reads == 2; });
  loop_.settle();
  EXPECT_THAT(take(sink), ElementsAre(3));
}

}  // namespace
}  // namespace tap::outbox
