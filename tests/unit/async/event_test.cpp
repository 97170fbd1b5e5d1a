// SPDX-License-Identifier: MIT
#include "tap/async/event.hpp"

#include "tap/async/task_group.hpp"

#include "unit/async/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tap::async {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventTest : public ::testing::Test {
 public:
  Task<void> waiter(int name) {
    co_await event.wait();
    woken.push_back(name);
  }
  boost::asio::io_context loop;
  Event event{loop.get_executor()};
  TaskGroup group{loop.get_executor()};
  std::vector<int> woken;
};

TEST_F(EventTest, NotifyAllWakesEverybodyInOrder) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    for (int i = 1; i <= 3; ++i) t.group.spawn("waiter", t.waiter(i));
    co_await test::settle();
    EXPECT_THAT(t.woken, IsEmpty());
    t.event.notify_all();
    co_await t.group.join();
    EXPECT_THAT(t.woken, ElementsAre(1, 2, 3));
  }(*this));
}

TEST_F(EventTest, NotifyOneWakesTheOneThatHasWaitedLongest) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    for (int i = 1; i <= 3; ++i) t.group.spawn("waiter", t.waiter(i));
    co_await test::settle();
    t.event.notify_one();
    co_await test::settle();
    EXPECT_THAT(t.woken, ElementsAre(1));
    t.event.notify_one();
    t.event.notify_one();
    co_await t.group.join();
    EXPECT_THAT(t.woken, ElementsAre(1, 2, 3));
    t.event.notify_one();  // nobody there: nothing is kept
  }(*this));
}

TEST_F(EventTest, ANotificationBeforeTheWaitDoesNotCount) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    t.event.notify_all();
    EXPECT_FALSE(co_await t.event.wait_for(1ms));
  }(*this));
}

TEST_F(EventTest, WaitForSaysWhetherItWasNotified) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    std::optional<bool> notified;
    t.group.spawn("waiter", [](Event& event, std::optional<bool>& out) -> Task<void> {
      out = co_await event.wait_for(1h);
    }(t.event, notified));
    co_await test::settle();
    t.event.notify_all();
    co_await t.group.join();
    EXPECT_EQ(notified, true);
  }(*this));
}

TEST_F(EventTest, CancellationUnwindsTheWaiter) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    t.group.spawn("waiter", t.waiter(1));
    co_await test::settle();
    t.group.cancel();
    co_await t.group.join();
    EXPECT_THAT(t.woken, IsEmpty());
  }(*this));
}

TEST_F(EventTest, ANotificationToACancelledWaiterGoesToTheNext) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    TaskGroup doomed(t.loop.get_executor());
    doomed.spawn("waiter", t.waiter(1));
    co_await test::settle();
    t.group.spawn("waiter", t.waiter(2));
    co_await test::settle();
    t.event.notify_one();
    doomed.cancel();  // before the first one could act on it
    co_await doomed.join();
    co_await t.group.join();
    EXPECT_THAT(t.woken, ElementsAre(2));
  }(*this));
}

TEST_F(EventTest, SleepEndsByItselfOrByCancellation) {
  test::run(loop, [](EventTest& t) -> Task<void> {
    co_await sleep_for(1ms);
    t.group.spawn("sleeper", sleep_for(1h));
    co_await test::settle();
    t.group.cancel();
    co_await t.group.join();
  }(*this));
}

}  // namespace
}  // namespace tap::async
