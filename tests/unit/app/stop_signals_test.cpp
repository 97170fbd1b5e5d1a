// SPDX-License-Identifier: MIT
#include "app/stop_signals.hpp"

#include "tap/async/task_group.hpp"

#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace tap::app {
namespace {

using testing::ExitedWithCode;

constexpr int kAsExpected = 7;

TEST(StopSignals, EndTheProcessAtOnceUntilSomebodyListens) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          const StopSignals signals;
          std::raise(signal);
        },
        ExitedWithCode(0), "");
  }
}

TEST(StopSignals, HandOverTheFirstOne) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          test::Loop loop;
          StopSignals signals;
          auto first = loop.start(signals.first());
          std::raise(signal);
          loop.run_until([&] { return first.done(); });
          std::_Exit(first.take() == signal ? kAsExpected : EXIT_FAILURE);
        },
        ExitedWithCode(kAsExpected), "");
  }
}

TEST(StopSignals, EndTheProcessTheSecondTimeThoughTheLoopStandsStill) {
  EXPECT_EXIT(
      {
        test::Loop loop;
        StopSignals signals;
        const auto first = loop.start(signals.first());
        std::raise(SIGTERM);
        std::raise(SIGINT);
        std::_Exit(kAsExpected);
      },
      ExitedWithCode(1), "");
}

TEST(StopSignals, EndTheProcessOnceNobodyListensAnyMore) {
  EXPECT_EXIT(
      {
        test::Loop loop;
        StopSignals signals;
        async::TaskGroup group(loop.executor());
        group.spawn("signals", [](StopSignals& from) -> Task<void> { co_await from.first(); }(signals));
        loop.settle();
        group.cancel();
        loop.run(group.join());
        std::raise(SIGTERM);
        std::_Exit(kAsExpected);
      },
      ExitedWithCode(1), "");
}

}  // namespace
}  // namespace tap::app
