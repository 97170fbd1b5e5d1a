// SPDX-License-Identifier: MIT
#include "tap/async/cpu_pool.hpp"

#include "tap/async/task_group.hpp"

#include "unit/async/loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <thread>

namespace tap::async {
namespace {

class CpuPoolTest : public ::testing::Test {
 protected:
  boost::asio::io_context loop;
};

TEST_F(CpuPoolTest, RunsElsewhereAndResumesOnTheLoop) {
  metrics::Gauge depth;
  CpuPool pool(loop.get_executor(), 2, &depth);
  test::run(loop, [](CpuPool& cpu, metrics::Gauge& shown) -> Task<void> {
    const auto here = std::this_thread::get_id();
    const auto there = co_await cpu.run([] { return std::this_thread::get_id(); });
    EXPECT_NE(there, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_EQ(shown.value(), 0);
    EXPECT_EQ(co_await cpu.run([&shown] { return shown.value(); }), 1);
  }(pool, depth));
}

TEST_F(CpuPoolTest, ResultsMayBeMoveOnly) {
  CpuPool pool(loop.get_executor(), 1);
  test::run(loop, [](CpuPool& cpu) -> Task<void> {
    auto input = std::make_unique<int>(20);
    const auto output = co_await cpu.run([value = std::move(input)]() mutable {
      *value += 1;
      return std::move(value);
    });
    EXPECT_EQ(*output, 21);
  }(pool));
}

TEST_F(CpuPoolTest, ManyJobsAllComeBack) {
  CpuPool pool(loop.get_executor(), 4);
  test::run(loop, [](boost::asio::io_context& loop, CpuPool& cpu) -> Task<void> {
    TaskGroup group(loop.get_executor());
    std::uint64_t sum = 0;
    for (std::uint64_t i = 1; i <= 2'000; ++i) {
      group.spawn("job", [](CpuPool& threads, std::uint64_t n, std::uint64_t& out) -> Task<void> {
        out += co_await threads.run([n] { return n; });
      }(cpu, i, sum));
    }
    co_await group.join();
    EXPECT_EQ(sum, 2'001'000U);
  }(loop, pool));
}

TEST_F(CpuPoolTest, JobsRunAtTheSameTime) {
  CpuPool pool(loop.get_executor(), 2);
  test::run(loop, [](boost::asio::io_context& loop, CpuPool& cpu) -> Task<void> {
    TaskGroup group(loop.get_executor());
    std::latch both(2);
    for (int i = 0; i < 2; ++i) {
      group.spawn("job", [](CpuPool& threads, std::latch& met) -> Task<void> {
        (void)co_await threads.run([&met] {
          met.arrive_and_wait();  // each waits for the other
          return true;
        });
      }(cpu, both));
    }
    co_await group.join();
  }(loop, pool));
}

TEST_F(CpuPoolTest, CancellationWaitsForTheJobsEnd) {
  CpuPool pool(loop.get_executor(), 1);
  test::run(loop, [](boost::asio::io_context& loop, CpuPool& cpu) -> Task<void> {
    TaskGroup group(loop.get_executor());
    std::latch go(1);
    std::atomic<bool> finished{false};
    group.spawn("job", [](CpuPool& threads, std::latch& start, std::atomic<bool>& done) -> Task<void> {
      (void)co_await threads.run([&] {
        start.wait();
        done = true;
        return 0;
      });
    }(cpu, go, finished));
    co_await test::settle();
    group.cancel();
    co_await test::settle();
    EXPECT_EQ(group.size(), 1U);  // what it uses must live on
    go.count_down();
    co_await group.join();
    EXPECT_TRUE(finished);
  }(loop, pool));
}

}  // namespace
}  // namespace tap::async
