// SPDX-License-Identifier: MIT
#include "tap/async/task_group.hpp"

#include "tap/async/event.hpp"

#include "unit/async/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace tap::async {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

Task<void> fails(std::string what) {
  co_await test::settle();
  throw std::runtime_error(what);
}
Task<void> ends(int& count) {
  co_await test::settle();
  ++count;
}
/// Ends only when it is cancelled, and tells that it unwound.
Task<void> stays(int& unwound) {
  struct Unwound {
    int& count;
    ~Unwound() { ++count; }
  } guard{unwound};
  co_await sleep_for(1h);
}

class TaskGroupTest : public ::testing::Test {
 protected:
  boost::asio::io_context loop;
};

TEST_F(TaskGroupTest, JoinWaitsForEverybody) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    TaskGroup group(loop.get_executor());
    int count = 0;
    for (int i = 0; i < 5; ++i) group.spawn("child", ends(count));
    EXPECT_EQ(group.size(), 5U);
    co_await group.join();
    EXPECT_EQ(count, 5);
    EXPECT_EQ(group.size(), 0U);
    co_await group.join();  // again, and there is nothing to wait for
  }(loop));
}

TEST_F(TaskGroupTest, CancelUnwindsChildrenAndIsNoFailure) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    TaskGroup group(loop.get_executor());
    int unwound = 0;
    for (int i = 0; i < 3; ++i) group.spawn("child", stays(unwound));
    co_await test::settle();
    group.cancel();
    co_await group.join();
    EXPECT_EQ(unwound, 3);
  }(loop));
}

TEST_F(TaskGroupTest, ChildrenCancelledBeforeTheirFirstStepAreJoined) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    TaskGroup group(loop.get_executor());
    int unwound = 0;
    group.spawn("child", stays(unwound));
    group.cancel();
    co_await group.join();
    EXPECT_EQ(group.size(), 0U);
  }(loop));
}

TEST_F(TaskGroupTest, NothingStartsAfterCancel) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    TaskGroup group(loop.get_executor());
    group.cancel();
    int count = 0;
    group.spawn("child", ends(count));
    EXPECT_EQ(group.size(), 0U);
    co_await test::settle();
    co_await group.join();
    EXPECT_EQ(count, 0);
  }(loop));
}

TEST_F(TaskGroupTest, AnExceptionIsReportedAtOnceAndRethrownByJoin) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    std::vector<std::string> reported;
    TaskGroup group(loop.get_executor(),
                    [&](std::string_view name, std::exception_ptr) { reported.emplace_back(name); });
    int unwound = 0;
    group.spawn("stays", stays(unwound));
    group.spawn("first", fails("one"));
    group.spawn("second", fails("two"));
    while (reported.size() < 2) co_await test::settle();
    EXPECT_THAT(reported, ElementsAre("first", "second"));
    EXPECT_EQ(group.size(), 1U);  // a failure does not end the others by itself
    group.cancel();
    std::string what;
    try {
      co_await group.join();
    } catch (const std::runtime_error& error) {
      what = error.what();
    }
    EXPECT_EQ(what, "one");
    EXPECT_EQ(unwound, 1);
    co_await group.join();  // it is rethrown once
  }(loop));
}

TEST_F(TaskGroupTest, AChildMaySpawnASibling) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    TaskGroup group(loop.get_executor());
    int count = 0;
    group.spawn("parent", [](TaskGroup& siblings, int& out) -> Task<void> {
      siblings.spawn("child", ends(out));
      ++out;
      co_return;
    }(group, count));
    co_await group.join();
    EXPECT_EQ(count, 2);
  }(loop));
}

TEST(TaskGroupDeathTest, LeavingChildrenBehindEndsTheProcess) {
  EXPECT_DEATH(
      {
        boost::asio::io_context loop;
        int count = 0;
        TaskGroup group(loop.get_executor());
        group.spawn("child", ends(count));
      },
      "");
}

}  // namespace
}  // namespace tap::async
