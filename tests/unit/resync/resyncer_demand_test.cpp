// SPDX-License-Identifier: MIT
// Repos that are to be fetched before their time: something is new about them.
#include "unit/resync/world.hpp"

#include <gtest/gtest.h>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::State;
using test::Account;
using test::World;

TEST(ResyncerDemand, DoesNotFetchAnInactiveAccountUntilItIsBack) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  const auto id = world.track(account);
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::takendown)));
  world.start();
  world.pass(1h);
  EXPECT_EQ(world.http.answers.requests.size(), 0U);
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::active)));
  world.until_state(account, State::active);
}

TEST(ResyncerDemand, TriesAFailedRepoAtOnceWhenItsAccountIsBack) {
  World world;
  Account account(1);
  world.publish(account);
  world.http.answers.answer(World::url(account), 400, R"({"error":"RepoDeactivated"})");
  world.start();
  const auto id = world.track(account);
  world.until_state(account, State::error);
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::deactivated)));
  account.fill(3);
  world.serve(account);
  ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::active)));
  world.until_state(account, State::active);
  world.expect_in_step(account);
}

TEST(ResyncerDemand, TriesARepoThatFailedInPassingAtOnceWhenItsAccountWrites) {
  World world;
  Account account(1);
  account.fill(3);
  world.publish(account);
  const auto asked = [&] { return world.http.answers.asked(World::url(account)); };
  world.http.answers.answer(World::url(account), 404);
  world.start();
  const auto id = world.track(account);
  world.until_state(account, State::error);
  world.ledger.encourage_by_event(id);
  world.loop.settle();
  EXPECT_EQ(asked(), 1U) << "its PDS has said no";

  world.http.answers.answer(World::url(account), 500);
  world.ledger.encourage(id);
  world.loop.run_until([&] { return asked() == 2; });
  world.until_state(account, State::error);
  world.serve(account);
  world.ledger.encourage_by_event(id);
  world.loop.settle();
  EXPECT_EQ(asked(), 2U) << "not too often";
  world.pass(4s);
  world.until_state(account, State::active);
}

TEST(ResyncerDemand, DoesNotLetAnAccountThatComesAndGoesFetchEachTime) {
  World world;
  Account account(1);
  world.publish(account);
  world.http.answers.answer(World::url(account), 400, R"({"error":"RepoNotFound"})");
  world.start();
  const auto id = world.track(account);
  world.until_state(account, State::error);
  for (int second = 0; second < 60; ++second) {
    ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::deactivated)));
    ASSERT_TRUE(world.loop.run(world.ledger.set_account(id, repos::Account::active)));
    world.loop.run_until([&] { return world.table.count(State::resyncing) == 0; });
    world.pass(1s);
  }
  world.loop.run_until([&] { return world.table.count(State::resyncing) == 0; });
  // The first fetch, then after 0, 4, 8, 16 and 32 s.
  EXPECT_LE(world.http.answers.asked(World::url(account)), 6U);
  EXPECT_GE(world.http.answers.asked(World::url(account)), 5U);
}

TEST(ResyncerDemand, RepairsOneLossAtOnceButNotOneAfterTheOther) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  world.start();
  const auto id = world.track(account);
  world.until_state(account, State::active);
  for (const auto wait : {0s, 4s, 8s, 16s}) {
    const auto asked = world.http.answers.asked(World::url(account));
    ASSERT_TRUE(world.loop.run(world.ledger.desynchronize(id, "each commit lies")));
    if (wait > 0s) {
      world.pass(wait - 1ms);
      EXPECT_EQ(world.http.answers.asked(World::url(account)), asked) << wait.count();
      EXPECT_EQ(world.repo(account).state, State::desynchronized);
      world.pass(1ms);
    }
    world.until_state(account, State::active);
    EXPECT_EQ(world.http.answers.asked(World::url(account)), asked + 1);
  }
  EXPECT_EQ(world.count("tap_resync_paced_total"), 3U);
  world.pass(1h);
  ASSERT_TRUE(world.loop.run(world.ledger.desynchronize(id, "once more")));
  world.until_state(account, State::active);
}

TEST(ResyncerDemand, FetchesARepoOnceHoweverOftenItIsWoken) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  world.http.answers.gate.close();
  world.start();
  const auto id = world.track(account);
  world.loop.run_until([&] { return world.http.answers.gate.waiting() == 1; });
  for (int time = 0; time < 5; ++time) {
    world.resyncer->wake(id);
    world.resyncer->retry_now(id);
  }
  world.resyncer->wake(repos::RepoId{12345});
  world.loop.settle();
  EXPECT_EQ(world.http.answers.requests.size(), 1U);
  world.http.answers.gate.open();
  world.until_state(account, State::active);
  world.resyncer->wake(id);
  world.pass(1h);
  EXPECT_EQ(world.http.answers.requests.size(), 1U);
}

TEST(ResyncerDemand, FollowsARepoThatMoved) {
  World world;
  Account account(1);
  account.fill(3);
  world.publish(account, "https://old.test");
  (void)world.loop.run(world.directory.lookup(account.did()));  // cached
  world.http.answers.answer(World::url(account, "https://old.test"), 400, R"({"error":"RepoDeactivated"})");
  // The document changes; what is cached does not.
  struct Moving {
    World& world;
    Account& account;
  } moving{world, account};
  world.directory.gate.close();
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.directory.gate.waiting() == 1; });
  moving.world.serve(moving.account, "https://new.test");
  world.directory.gate.open();
  world.until_state(account, State::active);
  EXPECT_EQ(world.http.answers.asked(World::url(account, "https://old.test")), 0);
}

}  // namespace
}  // namespace tap::resync
