// SPDX-License-Identifier: MIT
#include "resync/agenda.hpp"

#include "support/clock_fakes.hpp"
#include "support/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using repos::State;

class AgendaTest : public testing::Test {
 protected:
  RepoId add(std::uint64_t number, State state = State::pending) {
    const RepoId id{number};
    const auto did = atproto::Did::parse("did:web:host" + std::to_string(number) + ".test").value();
    table.add(id, did, {.state = state, .head = {}});
    return id;
  }
  Agenda make(Hosts::Limits limits) { return {loop.executor(), table, clock, metrics, limits}; }
  /// Where nobody is parked: the first repo is at its host, and the second was turned away from it.
  static Attempt fill_host(Agenda& agenda) {
    auto starts = agenda.next();
    Attempt first(agenda, std::move(starts.at(0)));
    EXPECT_TRUE(first.enter("a"));
    {
      Attempt second(agenda, std::move(starts.at(1)));
      EXPECT_FALSE(second.enter("a"));
    }
    EXPECT_EQ(agenda.next().size(), 0U);
    return first;
  }

  test::Loop loop;
  repos::Table table;
  test::FakeClock clock;
  metrics::Registry metrics;
};

TEST_F(AgendaTest, TakesWhatWantsAndNothingElse) {
  auto agenda = make({});
  agenda.add(add(1));
  agenda.add(add(2, State::active));
  agenda.add(RepoId{3});
  const auto inactive = add(4);
  table.set_account(inactive, repos::Account::suspended);
  agenda.add(inactive);

  const auto starts = agenda.next();
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_EQ(starts[0].id, RepoId{1});
}

TEST_F(AgendaTest, QueuesARepoAgainThatStillWantsAtTheEndOfItsAttempt) {
  auto agenda = make({});
  agenda.add(add(1));
  {
    const Attempt attempt(agenda, agenda.next().at(0));
  }
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, HoldsABusyRepoOnce) {
  auto agenda = make({});
  agenda.add(add(1));
  const Attempt attempt(agenda, agenda.next().at(0));
  agenda.add(RepoId{1});
  agenda.hurry(RepoId{1});
  EXPECT_EQ(agenda.next().size(), 0U);
}

TEST_F(AgendaTest, DemandWithinAnAttemptThatPutsItsRepoOffIsNotLost) {
  auto agenda = make({});
  const auto id = add(1, State::error);
  agenda.add(id);
  {
    Attempt attempt(agenda, agenda.next().at(0));
    agenda.hurry(id);
    attempt.postpone(1h);
  }
  const auto starts = agenda.next();
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_TRUE(starts[0].hurried);
  {
    Attempt attempt(agenda, starts[0]);
    attempt.postpone(1h);
    attempt.conclude();
  }
  EXPECT_EQ(agenda.next().size(), 0U) << "it was answered";
}

TEST_F(AgendaTest, DemandEndsWhenItsAccountLeavesMeanwhile) {
  auto agenda = make({});
  const auto id = add(1, State::error);
  agenda.hurry(id);
  {
    const Attempt attempt(agenda, agenda.next().at(0));
    table.set_account(id, repos::Account::deactivated);
  }
  table.set_account(id, repos::Account::active);
  agenda.add(id);
  const auto starts = agenda.next();
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_FALSE(starts[0].hurried) << "nobody demanded this one";
}

TEST_F(AgendaTest, FetchesOnDemandAtOnceButLessOftenEachTime) {
  auto agenda = make({});
  const auto id = add(1, State::desynchronized);
  std::vector<SteadyTime::duration> waits;
  for (int time = 0; time < 12; ++time) {
    const auto demanded = clock.steady();
    agenda.hurry(id);
    auto starts = agenda.next();
    for (; starts.empty(); starts = agenda.next()) clock.advance(1s);
    waits.push_back(clock.steady() - demanded);
    Attempt attempt(agenda, std::move(starts.at(0)));
    EXPECT_TRUE(attempt.hurried());
    clock.advance(10min);  // for its directory, which is not its fault
    ASSERT_TRUE(attempt.enter("a"));
    clock.advance(5s);
    attempt.conclude();
    table.set_state(id, State::active);
    {
      const Attempt ended(std::move(attempt));
    }
    table.set_state(id, State::desynchronized);
  }
  EXPECT_THAT(waits, testing::ElementsAre(0s, 4s, 8s, 16s, 32s, 64s, 100s, 100s, 100s, 100s, 100s, 100s));
  EXPECT_EQ(metrics.counter("tap_resync_paced_total", "").value(), 11U);

  clock.advance(1h);
  agenda.hurry(id);
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, CutsARetryShortForADemandAndKeepsTheDemandThroughAFullHost) {
  auto agenda = make({.park = 0});
  const auto id = add(1, State::error);
  {
    Attempt attempt(agenda, {id, {}, false});
    attempt.postpone(24h);
  }
  EXPECT_EQ(agenda.next().size(), 0U);
  agenda.hurry(id);
  Attempt other(agenda, {add(2), {}, false});
  ASSERT_TRUE(other.enter("a"));
  for (int time = 0; time < 2; ++time) {
    auto starts = agenda.next();
    ASSERT_EQ(starts.size(), 1U);
    Attempt attempt(agenda, std::move(starts[0]));
    EXPECT_TRUE(attempt.hurried());  // else it would wait for its old retry time
    EXPECT_FALSE(attempt.enter("a"));
    clock.advance(10ms);
  }
}

TEST_F(AgendaTest, CountsADemandThatHasToWaitOnceWhereverItMeetsTheRepo) {
  auto agenda = make({});
  const auto id = add(1, State::error);
  agenda.hurry(id);
  {
    Attempt attempt(agenda, std::move(agenda.next().at(0)));
    attempt.conclude();
    attempt.postpone(24h);
  }
  for (int time = 0; time < 3; ++time) agenda.hurry(id);  // it waits for its retry, and then for its pace
  EXPECT_EQ(agenda.next().size(), 0U);
  EXPECT_EQ(metrics.counter("tap_resync_paced_total", "").value(), 1U);
  clock.advance(4s);
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, DoesNotCountFetchesThatNobodyDemanded) {
  auto agenda = make({});
  const auto id = add(1, State::error);
  for (int time = 0; time < 5; ++time) {
    Attempt attempt(agenda, {id, {}, false});
    attempt.conclude();
    attempt.postpone(1s);
  }
  table.set_state(id, State::desynchronized);
  agenda.hurry(id);
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, LooksForHostsOfSoManyAtOnce) {
  auto agenda = make({.fetches = 3});
  for (std::uint64_t number = 1; number <= 10; ++number) agenda.add(add(number));
  std::vector<Attempt> attempts;
  for (auto& start : agenda.next()) attempts.emplace_back(agenda, std::move(start));
  EXPECT_EQ(attempts.size(), 3U);
  EXPECT_EQ(agenda.next().size(), 0U);

  ASSERT_TRUE(attempts[0].enter("a"));
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, LeavesThreeQuartersToThoseWhoAskNoHostOfADidWeb) {
  auto agenda = make({.fetches = 8});
  for (std::uint64_t number = 1; number <= 8; ++number) agenda.add(add(number));
  std::vector<Attempt> attempts;
  for (auto& start : agenda.next()) attempts.emplace_back(agenda, std::move(start));
  ASSERT_EQ(attempts.size(), 8U);

  EXPECT_TRUE(attempts[0].ask_host());
  EXPECT_TRUE(attempts[1].ask_host());
  EXPECT_FALSE(attempts[2].ask_host());
  attempts[0].host_asked();
  EXPECT_TRUE(attempts[3].ask_host());
  EXPECT_FALSE(attempts[4].ask_host());
  attempts.pop_back();
  EXPECT_EQ(agenda.next().size(), 0U) << "those that were put off do not keep the loop turning";
  attempts.clear();
  clock.advance(1ms);
  EXPECT_EQ(agenda.next().size(), 8U);
  Attempt next(agenda, {RepoId{1}, {}, false});
  EXPECT_TRUE(next.ask_host()) << "whoever ends has asked";
}

TEST_F(AgendaTest, GivesAParkedRepoBackWithItsPlace) {
  auto agenda = make({});
  agenda.add(add(1));
  agenda.add(add(2));
  auto starts = agenda.next();
  std::optional<Attempt> first(std::in_place, agenda, std::move(starts.at(0)));
  ASSERT_TRUE(first->enter("a"));
  {
    Attempt second(agenda, std::move(starts.at(1)));
    EXPECT_FALSE(second.enter("a"));
  }
  EXPECT_EQ(agenda.next().size(), 0U);
  first->leave(Hosts::Answer::prompt);

  auto again = agenda.next();
  ASSERT_EQ(again.size(), 1U);
  Attempt second(agenda, std::move(again[0]));
  EXPECT_TRUE(second.was_parked());
  EXPECT_TRUE(second.enter("a"));
}

TEST_F(AgendaTest, SlowsDownWhenTheHostsOfItsReposAreFull) {
  auto agenda = make({.park = 0});
  agenda.add(add(1));
  agenda.add(add(2));
  const Attempt first = fill_host(agenda);
  clock.advance(2ms);
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, WakesUpSoonForTheReposBehindOneWhoseHostIsFull) {
  auto agenda = make({.park = 0});
  for (std::uint64_t number = 1; number <= 3; ++number) agenda.add(add(number));
  const Attempt first = fill_host(agenda);
  const test::Background waiting(loop, agenda.wait());
  const auto late = loop.start(async::sleep_for(2s));  // of the loop's own time: the next look at the hosts is at 5 s
  loop.run_until([&] { return !waiting.running() || late.done(); });
  EXPECT_FALSE(waiting.running());
}

TEST_F(AgendaTest, ReachesAHostWithRoomSoonBehindManyReposOfOneThatIsFull) {
  constexpr std::uint64_t kRepos = 1'000;
  auto agenda = make({.park = 0});
  for (std::uint64_t number = 1; number <= kRepos; ++number) agenda.add(add(number));
  std::optional<Attempt> busy;
  const SteadyTime began = clock.steady();
  for (bool reached = false; !reached; clock.advance(1ms)) {
    for (auto& start : agenda.next()) {
      reached |= start.id == RepoId{kRepos};
      Attempt attempt(agenda, std::move(start));
      if (attempt.enter("full")) busy.emplace(std::move(attempt));
    }
  }
  EXPECT_LE(clock.steady() - began, 200ms);
}

TEST_F(AgendaTest, GivesUpTheOldPlaceWhenTheRepoMoved) {
  auto agenda = make({.fetches = 2});
  agenda.add(add(1));
  agenda.add(add(2));
  auto starts = agenda.next();
  Attempt first(agenda, std::move(starts.at(0)));
  ASSERT_TRUE(first.enter("a"));
  EXPECT_FALSE(first.enter("a") == false);
  Attempt second(agenda, std::move(starts.at(1)));
  ASSERT_FALSE(second.enter("b"));  // one on trial at a time
  EXPECT_TRUE(first.enter("c"));
}

TEST_F(AgendaTest, SleepsWhileNoMoreCanBeBegun) {
  auto agenda = make({.fetches = 1});
  agenda.add(add(1));
  std::optional<Attempt> only(std::in_place, agenda, agenda.next().at(0));
  ASSERT_TRUE(only->enter("a"));
  agenda.add(add(2));
  EXPECT_EQ(agenda.next().size(), 0U);
  // The retry of a third is over, but for it there is no room either: waiting for its time would be turning in place.
  {
    Attempt failed(agenda, {add(3), {}, false});
    failed.postpone(-1ms);
  }
  loop.settle();
  const auto woken = loop.start(agenda.wait());
  loop.run(async::sleep_for(5ms));  // of the loop's own time
  EXPECT_FALSE(woken.done());
  only.reset();
  loop.run_until([&] { return woken.done(); });
}

TEST_F(AgendaTest, WakesUpWhenARetryIsDue) {
  auto agenda = make({});
  agenda.add(add(1, State::error));
  {
    Attempt attempt(agenda, agenda.next().at(0));
    attempt.postpone(5ms);
  }
  EXPECT_EQ(agenda.next().size(), 0U);
  loop.run(agenda.wait());  // five real milliseconds: the loop's timers know no other clock
  clock.advance(5ms);
  EXPECT_EQ(agenda.next().size(), 1U);
}

TEST_F(AgendaTest, LooksAtItsHostsAnewThoughNothingHappens) {
  auto agenda = make({});
  agenda.add(add(1));
  Attempt attempt(agenda, agenda.next().at(0));
  ASSERT_TRUE(attempt.enter("a"));
  attempt.leave(Hosts::Answer::prompt);
  agenda.pause("a", 1h);
  std::vector<std::int64_t> left;
  for (int time = 0; time < 3; ++time) {
    (void)agenda.next();
    left.push_back(metrics.gauge_set("tap_resync_host_paused_seconds", "", "host").values().at("a"));
    clock.advance(HostGauges::kEvery - 5ms);
    loop.run(agenda.wait());  // five real milliseconds: the loop's timers know no other clock
    clock.advance(5ms);
  }
  EXPECT_THAT(left, testing::ElementsAre(3600, 3595, 3590));
}

}  // namespace
}  // namespace tap::resync
