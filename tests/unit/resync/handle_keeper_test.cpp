// SPDX-License-Identifier: MIT
#include "tap/resync/handle_keeper.hpp"

#include "unit/resync/world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using test::Account;
using test::World;
using testing::HasSubstr;
using testing::SizeIs;

class HandleKeeperTest : public testing::Test {
 protected:
  HandleKeeper make(std::size_t capacity = 100) {
    return {world.loop.executor(), world.table,  world.ledger,  world.directory,
            world.clock,           world.jitter, world.metrics, capacity};
  }
  /// Time goes by, and somebody looks at the clock.
  void pass(HandleKeeper& keeper, std::chrono::milliseconds time) {
    world.clock.advance(time);
    keeper.check(Account(99).did());  // nobody's
    world.loop.settle();
  }
  World world;
  Account account{1};
};

TEST_F(HandleKeeperTest, StoresAVerifiedHandleAndTellsOfIt) {
  world.publish(account);
  world.track(account);
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.run_until([&] { return world.row(account).details.handle == "alice.test"; });
  EXPECT_THAT(world.writer.bodies(), SizeIs(1));
  EXPECT_THAT(world.writer.bodies().front(), HasSubstr("\"handle\":\"alice.test\""));

  keeper.check(account.did());
  world.loop.settle();
  EXPECT_THAT(world.writer.bodies(), SizeIs(1));
}

TEST_F(HandleKeeperTest, KeepsTheLastHandleInTransientTrouble) {
  world.publish(account);
  world.track(account);
  world.row(account).details.handle = "old.test";
  world.directory.handle.reset();
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.settle();
  EXPECT_EQ(world.row(account).details.handle, "old.test");
  EXPECT_THAT(world.writer.bodies(), SizeIs(0));
}

TEST_F(HandleKeeperTest, ChecksAgainWhatWasAskedForDuringACheckAndStoresOnlyThat) {
  world.publish(account);
  world.track(account);
  auto keeper = make();
  const test::Background first(world.loop, keeper.run());
  const test::Background second(world.loop, keeper.run());
  auto turn = std::make_optional(world.ledger.turn_of(account.did().str()));  // holds the first check before its end
  keeper.check(account.did());
  world.loop.settle();
  world.directory.handle = "new.test";
  keeper.check(account.did());
  world.loop.settle();
  turn.reset();
  world.loop.run_until([&] { return world.row(account).details.handle == "new.test"; });
  EXPECT_THAT(world.writer.bodies(), SizeIs(1));
}

TEST_F(HandleKeeperTest, LeavesAHandleThatCouldNotBeVerifiedExpected) {
  world.publish(account);
  world.track(account);
  ASSERT_TRUE(world.row(account).details.handle_due);
  world.directory.handle.reset();
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.settle();
  EXPECT_TRUE(world.row(account).details.handle_due);

  world.directory.handle = "alice.test";
  keeper.check(account.did());
  world.loop.run_until([&] { return !world.row(account).details.handle_due; });
}

TEST_F(HandleKeeperTest, TriesAgainByItselfWhenTroubleMayHavePassed) {
  world.publish(account);
  world.track(account);
  world.directory.handle.reset();
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.settle();
  EXPECT_EQ(world.metrics.gauge("tap_queue_depth", "", {{"queue", "handle_retries"}}).value(), 1);
  pass(keeper, 1min);
  EXPECT_TRUE(world.row(account).details.handle_due);

  world.directory.handle = "alice.test";
  pass(keeper, 2min - 1ms);
  EXPECT_TRUE(world.row(account).details.handle_due);
  pass(keeper, 1ms);
  world.loop.run_until([&] { return !world.row(account).details.handle_due; });
  EXPECT_EQ(world.row(account).details.handle, "alice.test");
  EXPECT_EQ(world.metrics.gauge("tap_queue_depth", "", {{"queue", "handle_retries"}}).value(), 0);
}

TEST_F(HandleKeeperTest, TriesAgainWhenTheDirectoryOrTheDatabaseWasInTrouble) {
  world.hush(account);
  world.track(account);
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.settle();
  world.publish(account);
  world.writer.failures = 1;
  pass(keeper, 1min);
  EXPECT_TRUE(world.row(account).details.handle_due);
  pass(keeper, 2min);
  world.loop.run_until([&] { return !world.row(account).details.handle_due; });
}

TEST_F(HandleKeeperTest, DoesNotAskAgainWhoHasSaidNo) {
  world.track(account);  // no identity of it is known
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.settle();
  EXPECT_EQ(world.metrics.gauge("tap_queue_depth", "", {{"queue", "handle_retries"}}).value(), 0);
}

TEST_F(HandleKeeperTest, PutsChecksOffWhenTooManyWait) {
  std::deque<Account> accounts;
  for (std::uint64_t number = 1; number <= 5; ++number) {
    world.publish(accounts.emplace_back(number));
    world.track(accounts.back());
  }
  auto keeper = make(2);
  for (const auto& each : accounts) keeper.check(each.did());
  keeper.check(accounts[0].did());  // waits already
  EXPECT_EQ(world.count("tap_handles_put_off_total"), 3U);
  EXPECT_EQ(world.metrics.gauge("tap_queue_depth", "", {{"queue", "handles"}}).value(), 2);

  const test::Background running(world.loop, keeper.run());
  world.loop.settle();
  EXPECT_EQ(world.writer.bodies().size(), 2U);
  pass(keeper, 1h);
  world.loop.run_until([&] { return world.writer.bodies().size() == 5; });
}

TEST_F(HandleKeeperTest, PassesOverARepoThatWasRemoved) {
  world.publish(account);
  auto keeper = make();
  const test::Background running(world.loop, keeper.run());
  keeper.check(account.did());
  world.loop.settle();
  EXPECT_THAT(world.writer.writes, SizeIs(0));
}

}  // namespace
}  // namespace tap::resync
