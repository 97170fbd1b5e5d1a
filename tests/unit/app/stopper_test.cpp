// SPDX-License-Identifier: MIT
#include "app/stopper.hpp"

#include "tap/async/event.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tap::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

bool run(std::vector<StopStep> steps) {
  boost::asio::io_context loop;
  auto clean = boost::asio::co_spawn(loop, stop_in_order(std::move(steps)), boost::asio::use_future);
  loop.run();
  return clean.get();
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

}  // namespace
}  // namespace tap::app
