// SPDX-License-Identifier: MIT
#include "store/postgres/turns.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace tap::store::postgres {
namespace {

using Clock = std::chrono::steady_clock;

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
  auto waiting =
      std::async(std::launch::async, [&] { return turns.reader(Clock::now() + std::chrono::hours(1)) != nullptr; });
  turns.turn_away();
  EXPECT_FALSE(waiting.get());
  EXPECT_FALSE(turns.reader(Clock::now() + std::chrono::hours(1)));
  writers.reset();
  EXPECT_TRUE(turns.reader(Clock::now()));
}

TEST(Turns, WriterThatAlwaysHasWorkDoesNotKeepTheReaderOff) {
  Turns turns;
  auto reading = std::async(std::launch::async, [&] {
    for (int i = 0; i < 1'000; ++i) {
      if (!turns.reader(Clock::now() + std::chrono::seconds(10))) return false;
    }
    return true;
  });
  while (reading.wait_for(std::chrono::seconds(0)) != std::future_status::ready) std::ignore = turns.writer();
  EXPECT_TRUE(reading.get());
}

TEST(Turns, ReaderThatAlwaysAsksDoesNotKeepTheWriterOff) {
  Turns turns;
  std::atomic<bool> written = false;
  auto writing = std::async(std::launch::async, [&] {
    for (int i = 0; i < 1'000; ++i) std::ignore = turns.writer();
    written = true;
  });
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (!written && Clock::now() < end) std::ignore = turns.reader(end);
  EXPECT_TRUE(written);
}

}  // namespace
}  // namespace tap::store::postgres
