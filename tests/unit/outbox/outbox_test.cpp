// SPDX-License-Identifier: MIT
#include "unit/outbox/outbox_fixture.hpp"

#include <map>
#include <random>
#include <set>

namespace tap::outbox {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(OutboxTest, EventsBeforeTheFirstConsumerWaitForIt) {
  start();
  commit(2);
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_EQ(sink.wakes, 1);
  EXPECT_THAT(send(sink), ElementsAre(1, 2));
  EXPECT_EQ(outbox_->size(), 2U);
  EXPECT_TRUE(ack(1));
  EXPECT_TRUE(ack(2));
  EXPECT_EQ(outbox_->size(), 0U);
  EXPECT_THAT(journal_.acks, ElementsAre(1, 2));
}

TEST_F(OutboxTest, CommitWakesTheSink) {
  start();
  FakeSink sink;
  outbox_->attach(sink);
  const int before = sink.wakes;
  commit(1);
  EXPECT_GT(sink.wakes, before);
}

TEST_F(OutboxTest, OrderIsThatOfTheProtocol) {
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(2);
  commit(1, 1, Order::barrier);
  commit(2);
  EXPECT_THAT(send(sink), ElementsAre(1, 2));
  ack(2);
  EXPECT_THAT(send(sink), IsEmpty());
  ack(1);
  EXPECT_THAT(send(sink), ElementsAre(3));
  ack(3);
  EXPECT_THAT(send(sink), ElementsAre(4, 5));
}

TEST_F(OutboxTest, UnknownUnsentAndRepeatedAcksAreHarmless) {
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(1);
  EXPECT_FALSE(ack(1)) << "never sent";
  EXPECT_FALSE(ack(99));
  EXPECT_THAT(take(sink), ElementsAre(1));
  EXPECT_TRUE(ack(1)) << "taken: its bytes may be quicker than the news of them";
  written(sink, {1});
  EXPECT_FALSE(ack(1));
  EXPECT_EQ(outbox_->size(), 0U);
  EXPECT_THAT(journal_.acks, ElementsAre(1));
}

TEST_F(OutboxTest, DetachGivesBackAtOnceAndInOrder) {
  start();
  commit(4);
  FakeSink first;
  FakeSink second;
  outbox_->attach(first);
  EXPECT_THAT(send(first, 3), ElementsAre(1, 2, 3));
  ack(2);
  outbox_->attach(second);
  const int before = second.wakes;
  outbox_->detach(first);
  EXPECT_GT(second.wakes, before);
  EXPECT_THAT(send(second), ElementsAre(1, 3, 4));
  EXPECT_THAT(take(first), IsEmpty()) << "it is gone";
  outbox_->detach(first);
}

TEST_F(OutboxTest, LateAckOfAFormerConsumersEventCounts) {
  start();
  commit(1);
  FakeSink sink;
  outbox_->attach(sink);
  send(sink);
  outbox_->detach(sink);
  EXPECT_TRUE(ack(1));
  outbox_->attach(sink);
  EXPECT_THAT(send(sink), IsEmpty());
}

TEST_F(OutboxTest, WriteThatEndsAfterItsEventWentToAnotherIsNotThatOnes) {
  options_.acks = false;
  start();
  commit(1);
  FakeSink first;
  FakeSink second;
  outbox_->attach(first);
  EXPECT_THAT(take(first), ElementsAre(1));
  outbox_->detach(first);
  outbox_->attach(first);
  outbox_->attach(second);
  EXPECT_THAT(take(second), ElementsAre(1));
  written(first, {1});
  EXPECT_EQ(outbox_->size(), 1U);
  written(second, {1});
  EXPECT_EQ(outbox_->size(), 0U);
}

TEST_F(OutboxTest, AnyConsumerMayAck) {
  start();
  commit(2);
  FakeSink first;
  FakeSink second;
  outbox_->attach(first);
  outbox_->attach(second);
  EXPECT_THAT(send(first, 1), ElementsAre(1));
  EXPECT_THAT(send(second), ElementsAre(2)) << "each event goes to one of them";
  EXPECT_TRUE(ack(1));
  EXPECT_TRUE(ack(2));
  outbox_->detach(first);
  outbox_->detach(second);
  EXPECT_EQ(outbox_->size(), 0U);
}

TEST_F(OutboxTest, WindowHoldsForEachConsumer) {
  options_.window = 2;
  start();
  commit(5);
  FakeSink first;
  FakeSink second;
  outbox_->attach(first);
  outbox_->attach(second);
  EXPECT_THAT(send(first), ElementsAre(1, 2));
  EXPECT_THAT(send(first), IsEmpty());
  EXPECT_THAT(send(second), ElementsAre(3, 4));
  const int before = first.wakes;
  ack(1);
  EXPECT_GT(first.wakes, before);
  EXPECT_THAT(send(first), ElementsAre(5));
}

TEST_F(OutboxTest, FireAndForgetIsDoneWhenWritten) {
  options_.acks = false;
  start();
  commit(1, 1, Order::barrier);
  commit(1, 1, Order::barrier);
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_THAT(take(sink), ElementsAre(1));
  EXPECT_THAT(journal_.acks, IsEmpty());
  written(sink, {1});
  EXPECT_THAT(journal_.acks, ElementsAre(1));
  EXPECT_THAT(take(sink), ElementsAre(2));
  outbox_->detach(sink);
  EXPECT_EQ(outbox_->size(), 1U) << "taken is not written";
}

TEST_F(OutboxTest, RestartRedeliversWhatWasNotAcked) {
  start();
  FakeSink sink;
  outbox_->attach(sink);
  commit(3);
  send(sink);
  ack(2);
  restart();
  outbox_->attach(sink);
  EXPECT_THAT(send(sink), ElementsAre(1, 3));
  EXPECT_EQ(outbox_->size(), 2U);
}

TEST_F(OutboxTest, StartReadsAllPages) {
  journal_.page_limit = 3;
  start(10);
  EXPECT_EQ(in_memory(), 10);
  EXPECT_TRUE(outbox_->has_room());
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_EQ(send(sink).size(), 10U);
}

TEST_F(OutboxTest, CommitDuringTheFirstReadKeepsTheOrder) {
  journal_.gate.close();
  start(2);
  commit(2, 1, Order::barrier);
  EXPECT_FALSE(outbox_->has_room());
  journal_.gate.open();
  loop_.settle();
  EXPECT_TRUE(outbox_->has_room());
  EXPECT_EQ(outbox_->size(), 4U);
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_THAT(send(sink), ElementsAre(1, 2));
  ack(1);
  ack(2);
  EXPECT_THAT(send(sink), ElementsAre(3));
  ack(3);
  EXPECT_THAT(send(sink), ElementsAre(4));
}

TEST_F(OutboxTest, CommitsDuringAReadThatAreTooManyToKeepAreReadBehindIt) {
  begin_to_read_what_was_told_of();
  commit(1'500);
  journal_.gate.open();
  loop_.settle();
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_EQ(send(sink).size(), 1'503U);
}

TEST_F(OutboxTest, CommitsDuringAReadThatThereIsNoRoomForAreReadBehindIt) {
  options_.capacity = 4;
  begin_to_read_what_was_told_of();
  commit(6);
  journal_.gate.open();
  loop_.settle();
  FakeSink sink;
  outbox_->attach(sink);
  EXPECT_THAT(take_all(sink), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(OutboxTest, MemoryIsBoundInEvents) {
  options_.capacity = 8;
  start();
  commit(20);
  EXPECT_EQ(in_memory(), 8);
  EXPECT_EQ(outbox_->size(), 20U);
  EXPECT_FALSE(outbox_->has_room());
  FakeSink sink;
  outbox_->attach(sink);
  Ids seen;
  while (outbox_->size() > 0) {
    const Ids sent = send(sink, 3);
    ASSERT_FALSE(sent.empty());
    for (const auto id : sent) ack(id);
    seen.insert(seen.end(), sent.begin(), sent.end());
    EXPECT_LE(in_memory(), 8);
  }
  EXPECT_EQ(seen.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_TRUE(outbox_->has_room());
  EXPECT_LE(journal_.largest_page, 8U);
}

TEST_F(OutboxTest, MemoryIsBoundInBytes) {
  options_.capacity_bytes = 1'000;
  start();
  commit(10, 1, Order::historical, 300);
  EXPECT_EQ(in_memory(), 4) << "one more than fits, at most";
  EXPECT_FALSE(outbox_->has_room());
  FakeSink sink;
  outbox_->attach(sink);
  while (outbox_->size() > 0) {
    const Ids sent = send(sink, 1);
    ASSERT_EQ(sent.size(), 1U);
    ack(sent[0]);
  }
  EXPECT_TRUE(outbox_->has_room());
}

TEST_F(OutboxTest, RoomIsWaitedForAndComesWithAcks) {
  options_.capacity = 4;
  start();
  commit(6);
  auto waiting = loop_.start(outbox_->wait_for_room());
  FakeSink sink;
  EXPECT_FALSE(waiting.done()) << "nobody takes anything";
  outbox_->attach(sink);
  for (std::uint64_t id = 1; id <= 6; ++id) {
    EXPECT_FALSE(waiting.done());
    ASSERT_THAT(send(sink, 1), ElementsAre(id));
    ack(id);
    if (id == 3) break;
  }
  loop_.settle();
  EXPECT_TRUE(waiting.done()) << "three left, all in memory, and a quarter of it is free";
}

TEST_F(OutboxTest, RoomComesAlsoWhileCommitsNeverCease) {
  options_.capacity = 100;
  start();
  commit(120);
  FakeSink sink;
  outbox_->attach(sink);
  journal_.gate.close();
  for (const auto id : send(sink, 60)) ack(id);
  // A commit falls into every read: the page never is the last one, yet no read misses anything.
  for (int i = 0; i < 20 && !outbox_->has_room(); ++i) {
    commit(1);
    journal_.gate.let_one_pass();
    loop_.settle();
    for (const auto id : send(sink, 10)) ack(id);
  }
  EXPECT_TRUE(outbox_->has_room());
  journal_.gate.open();
}

TEST_F(OutboxTest, FailedReadIsTriedAgain) {
  journal_.failures = 1;
  start(3);
  EXPECT_EQ(in_memory(), 0);
  loop_.run_until([&] { return in_memory() == 3; });
  EXPECT_EQ(journal_.reads, 3) << "the failed one, the page, and the end";
}

/// Whatever happens, every event goes out, in the order of its lane, until it is acked.
TEST_F(OutboxTest, RandomSearchDeliversEverythingInOrder) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    run_.reset();
    journal_.events.clear();
    journal_.acks.clear();
    journal_.gate.open();
    options_.capacity = 1 + random() % 12;
    options_.window = 1 + random() % 6;
    options_.lane_capacity = 1 + random() % 4;
    journal_.page_limit = 1 + random() % 5;
    start(random() % 10);
    FakeSink sinks[2];
    std::set<std::uint64_t> out;
    const auto take_some = [&](FakeSink& sink) {
      for (const auto id : take(sink, random() % 4)) {
        const Event& event = journal_.events.at(EventId{id});
        for (const auto& [other_id, other] : journal_.events) {
          if (other.lane != event.lane || other_id == event.id) continue;
          const bool is_out = out.contains(static_cast<std::uint64_t>(other_id));
          if (other_id < event.id) ASSERT_TRUE(is_out && event.order == Order::historical) << id;
          if (is_out) ASSERT_EQ(other.order, Order::historical) << id;
        }
        out.insert(id);
        if (random() % 2 == 0) written(sink, {id});
      }
    };
    std::map<std::uint64_t, int> at;  // which sink has it
    for (int step = 0; step < 300; ++step) {
      const auto which = random() % 2;
      FakeSink& sink = sinks[which];
      switch (random() % 10) {
        case 0:
        case 1:
          commit(random() % 4, random() % 3, random() % 3 == 0 ? Order::barrier : Order::historical);
          break;
        case 2:
          outbox_->attach(sink);
          break;
        case 3: {
          outbox_->detach(sink);
          std::erase_if(out, [&](auto id) { return at[id] == static_cast<int>(which); });
          break;
        }
        case 4:
          journal_.gate.close();
          break;
        case 5:
          journal_.gate.open();
          break;
        case 6: {
          if (out.empty()) break;
          const auto id = *std::next(out.begin(), static_cast<std::ptrdiff_t>(random() % out.size()));
          ASSERT_TRUE(outbox_->refused(sinks[at[id]], EventId{id}, Refusal::for_now, "refused"));
          break;
        }
        default: {
          const auto before = out;
          take_some(sink);
          if (HasFatalFailure()) return;
          for (const auto id : out) {
            if (!before.contains(id)) at[id] = static_cast<int>(which);
          }
          if (!out.empty() && random() % 2 == 0) {
            const auto id = *std::next(out.begin(), static_cast<std::ptrdiff_t>(random() % out.size()));
            ASSERT_TRUE(ack(id));
            out.erase(id);
          }
        }
      }
      loop_.settle();
      ASSERT_EQ(outbox_->size(), journal_.events.size());
      ASSERT_LE(in_memory(), static_cast<std::int64_t>(options_.capacity));
    }
    journal_.gate.open();
    outbox_->detach(sinks[0]);
    outbox_->detach(sinks[1]);
    outbox_->attach(sinks[0]);
    loop_.settle();
    while (outbox_->size() > 0) {
      const Ids sent = send(sinks[0]);
      ASSERT_FALSE(sent.empty()) << outbox_->size() << " left";
      for (const auto id : sent) ASSERT_TRUE(ack(id));
    }
    ASSERT_TRUE(outbox_->has_room());
    ASSERT_THAT(journal_.events, IsEmpty());
  }
}

}  // namespace
}  // namespace tap::outbox
