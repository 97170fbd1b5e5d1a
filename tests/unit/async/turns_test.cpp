// SPDX-License-Identifier: MIT
#include "tap/async/turns.hpp"

#include "tap/async/task_group.hpp"

#include "unit/async/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tap::async {
namespace {

using ::testing::ElementsAre;

class TurnsTest : public ::testing::Test {
 public:
  /// Takes its turn, works for a while, and leaves.
  Task<void> worker(Turns::Ticket ticket, int name) {
    co_await ticket.turn();
    log.push_back(name);
    co_await test::settle();
    log.push_back(-name);
  }
  boost::asio::io_context loop;
  Turns turns{loop.get_executor()};
  TaskGroup group{loop.get_executor()};
  std::vector<int> log;
};

TEST_F(TurnsTest, OneAtATimeInTheOrderOfEntering) {
  test::run(loop, [](TurnsTest& t) -> Task<void> {
    std::vector<Turns::Ticket> tickets;
    for (int i = 0; i < 3; ++i) tickets.push_back(t.turns.enter(7));
    for (int i : {2, 0, 1}) t.group.spawn("worker", t.worker(std::move(tickets[static_cast<std::size_t>(i)]), i + 1));
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(1, -1, 2, -2, 3, -3));
    EXPECT_EQ(t.turns.size(), 0U);
  }(*this));
}

TEST_F(TurnsTest, KeysDoNotWaitForOneAnother) {
  test::run(loop, [](TurnsTest& t) -> Task<void> {
    t.group.spawn("worker", t.worker(t.turns.enter(1), 1));
    t.group.spawn("worker", t.worker(t.turns.enter(2), 2));
    EXPECT_EQ(t.turns.size(), 2U);
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(1, 2, -1, -2));
    EXPECT_EQ(t.turns.size(), 0U);
  }(*this));
}

TEST_F(TurnsTest, ATicketThatIsDroppedLetsTheNextOneIn) {
  test::run(loop, [](TurnsTest& t) -> Task<void> {
    std::optional<Turns::Ticket> first(t.turns.enter(1));
    std::optional<Turns::Ticket> second(t.turns.enter(1));
    t.group.spawn("worker", t.worker(t.turns.enter(1), 3));
    co_await test::settle();
    second.reset();
    co_await test::settle();
    EXPECT_TRUE(t.log.empty());
    first.reset();
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(3, -3));
  }(*this));
}

TEST_F(TurnsTest, ACancelledWaiterLeavesTheLine) {
  test::run(loop, [](TurnsTest& t) -> Task<void> {
    TaskGroup doomed(t.loop.get_executor());
    std::optional<Turns::Ticket> first(t.turns.enter(1));
    doomed.spawn("worker", t.worker(t.turns.enter(1), 2));
    t.group.spawn("worker", t.worker(t.turns.enter(1), 3));
    co_await test::settle();
    doomed.cancel();
    co_await doomed.join();
    first.reset();
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(3, -3));
    EXPECT_EQ(t.turns.size(), 0U);
  }(*this));
}

TEST_F(TurnsTest, SeveralKeysEnteredTogetherNeverWaitInACircle) {
  test::run(loop, [](TurnsTest& t) -> Task<void> {
    const auto both = [](TurnsTest& test, Turns::Ticket one, Turns::Ticket two, int name) -> Task<void> {
      co_await one.turn();
      co_await two.turn();
      test.log.push_back(name);
    };
    auto a1 = t.turns.enter(1), a2 = t.turns.enter(2), b2 = t.turns.enter(2), b1 = t.turns.enter(1);
    t.group.spawn("b", both(t, std::move(b2), std::move(b1), 2));
    t.group.spawn("a", both(t, std::move(a1), std::move(a2), 1));
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(1, 2));
  }(*this));
}

}  // namespace
}  // namespace tap::async
