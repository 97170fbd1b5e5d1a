// SPDX-License-Identifier: MIT
#include "store/postgres/turns.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <thread>

namespace tap::store::postgres {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::hours kLong{1};

TEST(Turns, ReaderDoesNotWaitForTheWriterBehindItsDeadline) {
  Turns turns;
  auto writers = turns.writer();
  EXPECT_FALSE(turns.reader(Clock::now() + std::chrono::milliseconds(1)));
  writers.reset();
  EXPECT_TRUE(turns.reader(Clock::now()));
}

TEST(Turns, ReaderThatIsTurnedAwayComesBackWhenTheTurnHasEnded) {
  Turns turns;
  auto writers = turns.writer();
  auto waiting = std::async(std::launch::async, [&] { return turns.reader(Clock::now() + kLong) != nullptr; });
  turns.turn_away();
  EXPECT_FALSE(waiting.get());
  EXPECT_FALSE(turns.reader(Clock::now() + kLong));
  writers.reset();
  EXPECT_TRUE(turns.reader(Clock::now()));
}

TEST(Turns, WriterAndReaderAlternateWhenBothAlwaysWantIt) {
  constexpr int kTurns = 100;
  Turns turns;
  std::array<std::atomic<int>, 2> taken = {};
  std::size_t last = 0;  // with the turn
  int changes = 0;
  const auto want = [&](std::size_t who, auto take) {
    while (taken[0] < kTurns || taken[1] < kTurns) {
      const auto turn = take();
      changes += last == who ? 0 : 1;
      last = who;
      ++taken[who];
      // Long enough for the other to want it again; whoever has it is back for more before the other has woken up.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  auto writing = std::async(std::launch::async, [&] { want(0, [&] { return turns.writer(); }); });
  want(1, [&] { return turns.reader(Clock::now() + kLong); });
  writing.get();
  EXPECT_GT(changes, kTurns * 3 / 2);
}

}  // namespace
}  // namespace tap::store::postgres
