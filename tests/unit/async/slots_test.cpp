// SPDX-License-Identifier: MIT
#include "tap/async/slots.hpp"

#include "tap/async/task_group.hpp"

#include "unit/async/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace tap::async {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SlotsTest : public ::testing::Test {
 public:
  /// Takes a place and keeps it.
  Task<void> enter(int name) {
    places.emplace_back(co_await slots.take());
    log.push_back(name);
  }
  Task<void> enter_within(int name, std::chrono::milliseconds patience) {
    auto place = co_await slots.take(patience);
    log.push_back(place ? name : -name);
    if (place) places.emplace_back(std::move(place));
  }
  boost::asio::io_context loop;
  Slots slots{loop.get_executor(), 2};
  std::vector<std::optional<Slots::Slot>> places;
  TaskGroup group{loop.get_executor()};
  std::vector<int> log;
};

TEST_F(SlotsTest, LetsInSoManyAndTheLongestWaitingNext) {
  test::run(loop, [](SlotsTest& t) -> Task<void> {
    for (int name = 1; name <= 4; ++name) t.group.spawn("visitor", t.enter(name));
    co_await test::settle();
    EXPECT_THAT(t.log, ElementsAre(1, 2));
    t.places[0].reset();
    co_await test::settle();
    EXPECT_THAT(t.log, ElementsAre(1, 2, 3));
    t.places[1].reset();
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(1, 2, 3, 4));
  }(*this));
}

TEST_F(SlotsTest, SendsAwayWhoseTimeIsOver) {
  test::run(loop, [](SlotsTest& t) -> Task<void> {
    for (int name = 1; name <= 2; ++name) t.group.spawn("visitor", t.enter_within(name, 0ms));
    t.group.spawn("impatient", t.enter_within(3, 0ms));
    t.group.spawn("impatient", t.enter_within(4, 2ms));
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(1, 2, -3, -4));
    t.places[0].reset();
    co_await t.enter_within(5, 0ms);
    EXPECT_THAT(t.log, ElementsAre(1, 2, -3, -4, 5));
  }(*this));
}

TEST_F(SlotsTest, LosesNoPlaceToWhoIsCancelledInTheMomentOfItsTurn) {
  test::run(loop, [](SlotsTest& t) -> Task<void> {
    for (int name = 1; name <= 2; ++name) co_await t.enter(name);
    TaskGroup given_up(t.loop.get_executor());
    given_up.spawn("given up", t.enter(3));
    given_up.spawn("given up", t.enter_within(4, 1h));
    t.group.spawn("visitor", t.enter(5));
    t.group.spawn("visitor", t.enter_within(6, 1h));
    co_await test::settle();
    t.places.clear();  // told of two places
    given_up.cancel();
    co_await given_up.join();
    co_await t.group.join();
    EXPECT_THAT(t.log, ElementsAre(1, 2, 5, 6));
  }(*this));
  places.clear();
}

TEST_F(SlotsTest, APlaceThatWasHandedOnIsLeftOnce) {
  test::run(loop, [](SlotsTest& t) -> Task<void> {
    auto first = co_await t.slots.take();
    const auto second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(second);
    const auto third = co_await t.slots.take(0ms);
    EXPECT_TRUE(third);
    EXPECT_FALSE(co_await t.slots.take(0ms));
    EXPECT_THAT(t.log, IsEmpty());
  }(*this));
}

}  // namespace
}  // namespace tap::async
