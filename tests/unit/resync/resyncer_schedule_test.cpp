// SPDX-License-Identifier: MIT
// Which repo is fetched when.
#include "unit/resync/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::State;
using test::Account;
using test::World;

std::int64_t unix_now(const World& world) {
  return std::chrono::floor<std::chrono::seconds>(world.clock.wall()).time_since_epoch().count();
}

std::size_t active(const World& world) { return world.table.count(State::active); }

TEST(ResyncerSchedule, BacksOffFromAFailingPds) {
  World world;
  Account account(1);
  world.publish(account);
  world.http.answers.answer(World::url(account), 500);
  world.start();
  world.track(account);
  world.until_state(account, State::error);

  for (const auto wait : {2s, 4s, 8s}) {
    const auto asked = world.http.answers.asked(World::url(account));
    EXPECT_EQ(world.row(account).details.retry_after, unix_now(world) + wait.count());
    world.pass(wait - 1ms);
    EXPECT_EQ(world.http.answers.asked(World::url(account)), asked);
    world.pass(1ms);
    world.loop.run_until([&] { return world.http.answers.asked(World::url(account)) == asked + 1; });
    world.until_state(account, State::error);
  }
  EXPECT_EQ(world.row(account).details.retries, 4U);

  account.fill(3);
  world.serve(account);
  world.pass(16s);
  world.until_state(account, State::active);
  EXPECT_EQ(world.row(account).details.retries, 0U);
}

TEST(ResyncerSchedule, AsksLateAgainWhenThePdsSaidNo) {
  World world;
  Account account(1);
  world.publish(account);
  world.http.answers.answer(World::url(account), 400, R"({"error":"RepoNotFound"})");
  world.start();
  world.track(account);
  world.until_state(account, State::error);
  EXPECT_EQ(world.row(account).details.retry_after, unix_now(world) + 3600);
  world.pass(59min);
  EXPECT_EQ(world.http.answers.asked(World::url(account)), 1);

  // But at once when somebody says that it may be worth it.
  world.resyncer->retry_now(world.id(account));
  world.loop.run_until([&] { return world.http.answers.asked(World::url(account)) == 2; });
}

TEST(ResyncerSchedule, RemembersRetryTimesAcrossARestart) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  const auto id = world.track(account);
  // As a start finds it in the database.
  world.database.apply(
      {.mutations = {store::SetState{id, State::error, "it failed", 5, unix_now(world) + 60}}, .events = {}});
  world.table.set_state(id, State::error);
  world.start();
  world.pass(59s);
  EXPECT_EQ(world.http.answers.asked(World::url(account)), 0);
  world.pass(1s);
  world.until_state(account, State::active);
}

TEST(ResyncerSchedule, DoesNotWaitLongerThanItWasToldWhenTheClockIsSetBack) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  const auto id = world.track(account);
  world.database.apply(
      {.mutations = {store::SetState{id, State::error, "it failed", 1, unix_now(world) + 2}}, .events = {}});
  world.table.set_state(id, State::error);
  world.clock.set_wall(world.clock.wall() - std::chrono::hours(24 * 365));
  world.start();
  world.loop.settle();
  world.pass(1h + 2s);
  world.loop.run_until([&] { return world.http.answers.asked(World::url(account)) == 1; });
}

TEST(ResyncerSchedule, ChargesNoRepoForADirectoryThatDoesNotAnswer) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  world.hush(account);
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.directory.refreshed.size() == 1; });
  world.pass(4s);
  EXPECT_EQ(world.directory.refreshed.size(), 1U);
  EXPECT_EQ(world.repo(account).state, State::pending);
  EXPECT_EQ(world.row(account).repo.state, State::pending);
  EXPECT_EQ(world.row(account).details.retries, 0U);

  world.publish(account);
  world.pass(1s);
  world.until_state(account, State::active);
}

TEST(ResyncerSchedule, SaysWhatARepoWaitsForThoughItIsNotCharged) {
  World world;
  Account limited(1);
  Account unknown(2);
  for (auto* account : {&limited, &unknown}) {
    account->fill(3);
    world.publish(*account);
  }
  world.http.answers.answer(World::url(limited), 429, R"({"error":"RateLimitExceeded"})", {{"retry-after", "42"}});
  world.hush(unknown);
  world.start();
  world.track(limited);
  world.track(unknown);
  const auto error_of = [&](const Account& account) { return world.row(account).details.error; };
  world.loop.run_until([&] { return !error_of(limited).empty() && !error_of(unknown).empty(); });
  EXPECT_EQ(error_of(limited), "failed to get repo: API request failed (HTTP 429): RateLimitExceeded");
  Account parked(3);
  parked.fill(3);
  world.serve(parked);
  world.track(parked);
  world.loop.run_until([&] { return !error_of(parked).empty(); });
  EXPECT_EQ(error_of(parked), "its PDS hangs or wants to be left alone for a while");
  for (auto* account : {&limited, &unknown, &parked}) {
    EXPECT_EQ(world.row(*account).repo.state, State::pending);
    EXPECT_EQ(world.row(*account).details.retries, 0U);
  }

  for (auto* account : {&limited, &unknown}) {
    world.serve(*account);
    world.publish(*account);
  }
  world.pass(42s);
  for (auto* account : {&limited, &unknown, &parked}) {
    world.until_state(*account, State::active);
    EXPECT_EQ(error_of(*account), "");
  }
}

TEST(ResyncerSchedule, ChargesARepoForTheHostOfItsOwnDidWeb) {
  World world;
  const auto did = atproto::Did::parse("did:web:silent.test").value();
  world.directory.identities.emplace(did.str(), tap::fail(identity::Errc::unavailable));
  world.start();
  ASSERT_TRUE(world.loop.run(world.ledger.track({did})));
  const auto id = world.table.find(did.str()).value();
  world.loop.run_until([&] { return world.table.get(id)->state == State::error; });
  EXPECT_EQ(world.database.find(id)->details.retries, 1U);
}

TEST(ResyncerSchedule, LeavesADirectoryThatIsDownAlone) {
  World world({.fetches = 16});
  std::deque<Account> accounts;
  for (std::uint64_t number = 0; number < 200; ++number) {
    auto& account = accounts.emplace_back(number);
    account.fill(1);
    world.serve(account);
    world.hush(account);
    world.track(account);
  }
  world.start();
  world.loop.settle();
  for (int second = 0; second < 200; ++second) world.pass(1s);
  // Some 16 at once, at 0, 30, 90 s; without the waits it would be all of them every half minute.
  EXPECT_LE(world.directory.refreshed.size(), 64U);
  EXPECT_EQ(world.table.count(State::pending), 200U);

  for (auto& account : accounts) world.publish(account);
  for (int turn = 0; turn < 100 && active(world) < 200; ++turn) {
    world.pass(10s);
    world.loop.run_until([&] { return world.table.count(State::resyncing) == 0; });
  }
  EXPECT_EQ(active(world), 200U);
}

TEST(ResyncerSchedule, AFewReposForWhomTheDirectoryNeverAnswersKeepNobodyWaiting) {
  World world;
  std::deque<Account> unanswered;
  for (std::uint64_t number = 0; number < 3; ++number) {
    world.hush(unanswered.emplace_back(number));
    world.track(unanswered.back());
  }
  world.start();
  for (int second = 0; second < 600; ++second) world.pass(1s);
  EXPECT_GE(world.directory.refreshed.size(), 24U);

  Account added(3);
  added.fill(3);
  world.serve(added);
  world.track(added);
  world.until_state(added, State::active);
}

TEST(ResyncerSchedule, WaitsAfterABugInsteadOfRunningIntoItAgainAndAgain) {
  World world;
  Account account(1);
  account.fill(3);
  world.serve(account);
  world.directory.bugs = 1'000;
  world.start();
  world.track(account);
  world.pass(29s);
  EXPECT_EQ(world.directory.refreshed.size(), 1U);
  world.pass(1s);
  EXPECT_EQ(world.directory.refreshed.size(), 2U);
  world.directory.bugs = 0;
  world.pass(30s);
  world.until_state(account, State::active);
  EXPECT_THROW(world.running->stop(), std::runtime_error) << "it is told at the end as well";
}

TEST(ResyncerSchedule, TakesABugInAWriteForTroubleOfItsOwn) {
  World world({.parallelism = 1});
  Account account(1);
  account.fill(1'500);  // two batches: the first is written on the side
  world.serve(account);
  world.outbox.bugs = 1;
  world.start();
  world.track(account);
  world.loop.run_until([&] { return world.count("tap_resyncs_failed_total") == 1; });
  EXPECT_EQ(world.repo(account).state, State::pending);
  EXPECT_EQ(world.row(account).details.retries, 0U);
  world.pass(30s);
  world.until_state(account, State::active);
  EXPECT_THROW(world.running->stop(), std::runtime_error);
}

TEST(ResyncerSchedule, GoesOnBehindManyReposThatAreGone) {
  World world;
  Account account(1'000);
  account.fill(3);
  world.serve(account);
  const auto id = world.track(account);
  world.table.set_state(id, State::active);
  world.start();
  for (std::uint64_t number = 1; number <= 300; ++number) {
    const auto gone = world.table.allocate();
    world.table.add(gone, Account(number).did(), {});
    world.resyncer->wake(gone);
    world.table.remove(gone);
  }
  world.table.set_state(id, State::pending);
  world.resyncer->wake(id);
  world.until_state(account, State::active);
}

TEST(ResyncerSchedule, PausesAHostForAsLongAsItAsks) {
  World world({.fetches_per_host = 1});
  Account first(1);
  Account second(2);
  for (auto* account : {&first, &second}) {
    account->fill(3);
    world.publish(*account);
    world.http.answers.answer(World::url(*account), 429, "", {{"retry-after", "42"}});
  }
  world.start();
  world.track(first);
  world.track(second);
  world.loop.run_until([&] { return world.http.answers.requests.size() == 1; });
  world.loop.run_until([&] { return world.repo(first).state == State::pending; });

  for (auto* account : {&first, &second}) {
    world.serve(*account);
    EXPECT_EQ(world.row(*account).details.retries, 0U);  // no repo is charged for its host
    EXPECT_EQ(world.row(*account).repo.state, State::pending);
  }
  world.pass(41'999ms);
  EXPECT_EQ(world.http.answers.requests.size(), 1U);
  EXPECT_EQ(world.directory.refreshed.size(), 2U) << "who waits asks no directory";
  EXPECT_EQ(world.metrics.gauge("tap_queue_depth", "", {{"queue", "resync_parked"}}).value(), 2);
  EXPECT_EQ(world.metrics.gauge("tap_resync_hosts", "", {{"state", "paused"}}).value(), 1);
  world.pass(1ms);
  world.until_state(first, State::active);
  world.until_state(second, State::active);
  EXPECT_EQ(world.metrics.gauge("tap_resync_hosts", "", {{"state", "paused"}}).value(), 0);
}

TEST(ResyncerSchedule, DoesNotLetHangingHostsHoldUpTheOthers) {
  World world({.parallelism = 2, .fetches = 24, .fetches_per_host = 2});
  std::deque<Account> accounts;
  for (std::uint64_t number = 0; number < 80; ++number) {
    auto& account = accounts.emplace_back(number);
    account.fill(2);
    const std::string pds = "https://pds" + std::to_string(number % 20) + ".test";
    if (number % 20 < 10) world.http.hanging.insert(pds);
    world.serve(account, pds);
  }
  world.start();
  for (const auto& account : accounts) world.track(account);

  world.loop.run_until([&] { return active(world) == 40; });
  for (const auto& [origin, most] : world.http.most_under_way) {
    EXPECT_LE(most, world.http.hanging.contains(origin) ? 1U : 2U) << origin;
  }
  // The hosts come back.
  world.http.hanging.clear();
  world.http.release();
  for (int turn = 0; turn < 20 && active(world) < 80; ++turn) {
    world.pass(10s);
    world.loop.run_until([&] { return world.table.count(State::resyncing) == 0; });
  }
  EXPECT_EQ(active(world), 80U);
}

TEST(ResyncerSchedule, DoesNotLetOneCrowdedHostStopTheRest) {
  World world({.fetches = 4});
  std::deque<Account> crowd;
  for (std::uint64_t number = 0; number < 200; ++number) {
    auto& account = crowd.emplace_back(number);
    account.fill(1);
    world.serve(account, "https://hangs.test");
    world.track(account);
  }
  world.http.hanging.insert("https://hangs.test");
  Account last(1'000);
  last.fill(1);
  world.serve(last, "https://good.test");
  world.track(last);
  world.start();
  for (int turn = 0; turn < 10'000 && world.repo(last).state != State::active; ++turn) {
    world.pass(1ms);
    std::this_thread::yield();
  }
  world.until_state(last, State::active);
  EXPECT_EQ(world.http.under_way["https://hangs.test"], 1U);
}

TEST(ResyncerSchedule, DoesNotLetHostsOfDidWebsThatHangHoldUpTheOthers) {
  World world({.fetches = 8});
  std::vector<atproto::Did> flood;
  for (std::size_t number = 0; number < 100; ++number) {
    const auto& did =
        flood.emplace_back(atproto::Did::parse("did:web:hangs" + std::to_string(number) + ".test").value());
    world.directory.hanging.insert(did.str());
    world.directory.identities.emplace(did.str(), tap::fail(identity::Errc::unavailable));
  }
  ASSERT_TRUE(world.loop.run(world.ledger.track(flood)));
  std::deque<Account> accounts;
  for (std::uint64_t number = 0; number < 20; ++number) {
    auto& account = accounts.emplace_back(number);
    account.fill(1);
    world.serve(account, "https://pds" + std::to_string(number) + ".test");
    world.track(account);
  }
  world.start();
  const auto pass_until = [&](State state, std::size_t count) {
    for (int turn = 0; turn < 1'000 && world.table.count(state) < count; ++turn) {
      world.pass(1ms);
      std::this_thread::yield();
    }
    world.loop.run_until([&] { return world.table.count(state) == count; });
  };
  pass_until(State::active, 20);
  EXPECT_EQ(
      std::ranges::count_if(world.directory.refreshed, [](const auto& did) { return did.starts_with("did:web"); }), 2);

  world.directory.release();
  pass_until(State::error, 100);
}

TEST(ResyncerSchedule, DoesNotLetDocumentsThatHangHoldUpTheWorkers) {
  World world({.parallelism = 1});
  Account forged(1);
  forged.commit({}, {.key = test::SigningKey(atproto::Curve::k256, 99)});
  Account account(2);
  account.fill(3);
  world.serve(forged, "https://forges.test");
  world.serve(account);
  world.directory.hanging_once_purged.insert(forged.did().str());
  world.start();
  world.track(forged);
  world.loop.run_until([&] { return world.directory.refreshed.size() == 2; });  // the second time for the signature
  world.track(account);
  world.until_state(account, State::active);
  EXPECT_EQ(world.repo(forged).state, State::resyncing);
}

TEST(ResyncerSchedule, KeepsFetchedReposFromPilingUp) {
  World world({.parallelism = 1, .fetches = 4, .fetches_per_host = 4});
  world.outbox.room.close();
  std::deque<Account> accounts;
  for (std::uint64_t number = 0; number < 20; ++number) {
    auto& account = accounts.emplace_back(number);
    account.fill(1);
    world.serve(account, "https://pds" + std::to_string(number) + ".test");
  }
  world.start();
  for (const auto& account : accounts) world.track(account);
  world.loop.run_until([&] { return world.outbox.room.waiting() == 1; });
  world.loop.settle();
  // One at work, and as many under way or fetched as may be.
  EXPECT_LE(world.http.answers.requests.size(), 5U);
  world.outbox.room.open();
  world.loop.run_until([&] { return active(world) == 20; });
}

}  // namespace
}  // namespace tap::resync
