// SPDX-License-Identifier: MIT
#include "app/stopper.hpp"

#include "tap/async/event.hpp"

#include "support/loop.hpp"

#include <boost/asio/async_result.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>

namespace tap::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

bool run(std::vector<StopStep> steps) {
  test::Loop loop;
  return loop.run(stop_in_order(std::move(steps)));
}

StopStep noting(std::string_view name, std::vector<std::string>& order) {
  return {name, 1min, [name, &order]() -> Task<Result<void>> {
            order.emplace_back(name);
            co_return Result<void>{};
          }};
}

TEST(Stopper, StepsAreTakenInOrder) {
  std::vector<std::string> order;

  EXPECT_TRUE(run({noting("first", order), noting("second", order), noting("third", order)}));
  EXPECT_THAT(order, ElementsAre("first", "second", "third"));
}

TEST(Stopper, AFailedStepDoesNotKeepTheNextOneFromStopping) {
  std::vector<std::string> order;
  const StopStep failing = {"failing", 1min,
                            []() -> Task<Result<void>> { co_return fail(std::make_error_code(std::errc::io_error)); }};

  EXPECT_FALSE(run({failing, noting("next", order)}));
  EXPECT_THAT(order, ElementsAre("next"));
}

TEST(Stopper, AnExceptionOfAStepDoesNotKeepTheNextOneFromStopping) {
  std::vector<std::string> order;
  const StopStep failing = {"failing", 1min, []() -> Task<Result<void>> {
                              throw std::runtime_error("a bug");
                              co_return Result<void>{};
                            }};

  EXPECT_FALSE(run({failing, noting("next", order)}));
  EXPECT_THAT(order, ElementsAre("next"));
}

TEST(Stopper, AStepThatHangsIsGivenUpAtItsLimit) {
  std::vector<std::string> order;
  const StopStep hanging = {"hanging", 1ms, []() -> Task<Result<void>> {
                              async::Event never(co_await boost::asio::this_coro::executor);
                              co_await never.wait();
                              co_return Result<void>{};
                            }};

  EXPECT_FALSE(run({hanging, noting("next", order)}));
  EXPECT_THAT(order, ElementsAre("next"));
}

/// Such as a write, which is not cancelled once it is accepted.
TEST(Stopper, AStepThatDoesNotHeedItsCancellationIsLeftBehind) {
  namespace asio = boost::asio;
  test::Loop loop;
  std::vector<std::string> order;
  std::move_only_function<void()> answer;
  const StopStep deaf = {
      "deaf", 1ms, [&]() -> Task<Result<void>> {
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [&](auto handler) { answer = [handler = std::move(handler)]() mutable { std::move(handler)(); }; },
            asio::use_awaitable);
        co_return Result<void>{};
      }};

  EXPECT_FALSE(loop.run(stop_in_order({deaf, noting("next", order)})));
  EXPECT_THAT(order, ElementsAre("next"));
  answer();
  loop.settle();
}

}  // namespace
}  // namespace tap::app
