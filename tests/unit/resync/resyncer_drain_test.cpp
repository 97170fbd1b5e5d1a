// SPDX-License-Identifier: MIT
// How much of what was kept of the live stream during a fetch is told at once.
#include "unit/resync/world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::State;
using test::Account;
using test::World;

class ResyncerDrain : public testing::Test {
 protected:
  /// During the fetch come so many commits whose JSON is far longer than they are: 1.8 MB each.
  void fetch_beside(std::size_t commits) {
    account.fill(3);
    world.serve(account);
    world.http.answers.gate.close();
    world.start();
    world.track(account);
    world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
    for (std::size_t i = 0; i < commits; ++i) {
      const Bytes record = test::post_record(i, std::string(300'000, '<'));
      const std::string path = account.new_path();
      paths.push_back(path);
      world.buffer(account.commit({test::create(path, record)}), account);
    }
    world.http.answers.gate.open();
  }
  /// The paths of live events, in their order.
  [[nodiscard]] std::vector<std::string> told_live() const {
    std::vector<std::string> live;
    for (const std::string& told : world.told()) {
      if (told.ends_with(" live")) live.push_back(told.substr(7, told.size() - 12));
    }
    return live;
  }

  World world;
  Account account{1};
  std::vector<std::string> paths;  ///< of what came during the fetch
};

TEST_F(ResyncerDrain, WritesALittleAtATimeAndTheRepoIsActiveWithTheLast) {
  fetch_beside(10);
  world.until_state(account, State::active);

  world.expect_in_step(account);
  EXPECT_EQ(told_live(), paths);
  std::size_t most = 0;
  for (const store::Write& write : world.writer.writes) {
    std::size_t bytes = 0;
    for (const outbox::Draft& event : write.events) bytes += event.body.size();
    most = std::max(most, bytes);
  }
  EXPECT_LT(most, 6U << 20) << "of 18 MB";
  EXPECT_EQ(world.http.answers.asked(World::url(account)), 1);
}

TEST_F(ResyncerDrain, WritesItsPartsInTheDidsTurnBeforeItIsActive) {
  fetch_beside(10);
  world.writer.gate.close();
  world.loop.run_until([&] { return world.writer.gate.waiting() == 1; });
  auto turn = world.ledger.turn_of(account.did().str());
  auto entered = world.loop.start(turn.turn());
  for (const std::size_t told : {3U, 6U, 9U}) {
    EXPECT_EQ(world.repo(account).state, State::resyncing);
    world.writer.gate.let_one_pass();
    world.loop.run_until([&] { return told_live().size() == told && world.writer.gate.waiting() == 1; });
    EXPECT_FALSE(entered.done());
  }
  world.writer.gate.open();
  world.loop.run_until([&] { return entered.done(); });
  EXPECT_EQ(world.repo(account).state, State::active);
}

TEST_F(ResyncerDrain, TellsNothingTwiceAndLosesNothingWhenItEndsHalfWay) {
  fetch_beside(10);
  world.writer.gate.close();
  world.loop.run_until([&] { return world.writer.gate.waiting() == 1; });
  world.writer.gate.let_one_pass();
  world.loop.run_until([&] { return told_live().size() == 3 && world.writer.gate.waiting() == 1; });
  world.writer.failures = 1;
  world.serve(account);  // with what came meanwhile
  world.writer.gate.open();
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  EXPECT_EQ(world.repo(account).state, State::pending);
  EXPECT_EQ(world.row(account).repo.head, std::nullopt) << "the index is ahead of it";

  world.pass(30s);
  world.until_state(account, State::active);
  world.expect_in_step(account);
  EXPECT_EQ(world.told().size(), 13U);
}

}  // namespace
}  // namespace tap::resync
