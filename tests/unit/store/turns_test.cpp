// SPDX-License-Identifier: MIT
#include "store/postgres/turns.hpp"

#include <gtest/gtest.h>

#include <future>
#include <string>
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

/// Who has the turn behind one of `first`, when `other` waits for it and `first` is back at once.
template <class First, class Other>
std::string order(const Turns& turns, First first, Other other) {
  std::string order;
  auto turn = first();
  auto waiting = std::async(std::launch::async, [&] {
    const auto others = other();
    order += 'o';
  });
  while (!turns.is_wanted()) std::this_thread::yield();
  turn.reset();
  turn = first();
  order += 'f';
  turn.reset();
  waiting.get();
  return order;
}

TEST(Turns, WriterAndReaderAlternateWhenBothAlwaysWantIt) {
  Turns turns;
  const auto writer = [&] { return turns.writer(); };
  const auto reader = [&] { return turns.reader(Clock::now() + kLong); };
  for (int time = 0; time < 100; ++time) {  // without the rule, whoever is faster has it
    ASSERT_EQ(order(turns, writer, reader), "of");
    ASSERT_EQ(order(turns, reader, writer), "of");
  }
}

}  // namespace
}  // namespace tap::store::postgres
