// SPDX-License-Identifier: MIT
#include "tap/async/timeout.hpp"

#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"

#include "unit/async/loop.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace tap::async {
namespace {

using namespace std::chrono_literals;

Task<Result<int>> answers(int value) {
  co_await test::settle();
  co_return value;
}
Task<Result<int>> refuses() { co_return fail(std::make_error_code(std::errc::not_connected)); }
Task<Result<int>> hangs(bool& unwound) {
  struct Unwound {
    bool& flag;
    ~Unwound() { flag = true; }
  } guard{unwound};
  co_await sleep_for(1h);
  co_return 1;
}
Task<Result<int>> throws() {
  co_await test::settle();
  throw std::runtime_error("bug");
}

class Timeout : public ::testing::Test {
 protected:
  boost::asio::io_context loop;
};

TEST_F(Timeout, PassesTheResultOn) {
  test::run(loop, []() -> Task<void> {
    const auto answer = co_await with_timeout(answers(7), 1h);
    EXPECT_EQ(answer.value(), 7);
    const auto refusal = co_await with_timeout(refuses(), 1h);
    EXPECT_EQ(refusal.error().code(), std::errc::not_connected);
  }());
}

TEST_F(Timeout, CancelsAndAwaitsWhatTakesTooLong) {
  test::run(loop, []() -> Task<void> {
    bool unwound = false;
    const auto result = co_await with_timeout(hangs(unwound), 1ms);
    EXPECT_EQ(result.error(), Errc::timed_out);
    EXPECT_TRUE(unwound);
  }());
}

TEST_F(Timeout, PassesABugOn) {
  test::run(loop, []() -> Task<void> {
    bool caught = false;
    try {
      (void)co_await with_timeout(throws(), 1h);
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
  }());
}

TEST_F(Timeout, IsCancelledFromOutside) {
  test::run(loop, [](boost::asio::io_context& loop) -> Task<void> {
    TaskGroup group(loop.get_executor());
    bool unwound = false;
    bool went_on = false;
    group.spawn("waits", [](bool& inner, bool& after) -> Task<void> {
      (void)co_await with_timeout(hangs(inner), 1h);
      after = true;
    }(unwound, went_on));
    co_await test::settle();
    group.cancel();
    co_await group.join();
    EXPECT_TRUE(unwound);
    EXPECT_FALSE(went_on);
  }(loop));
}

}  // namespace
}  // namespace tap::async
