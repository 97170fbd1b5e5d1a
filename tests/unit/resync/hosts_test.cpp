// SPDX-License-Identifier: MIT
#include "resync/hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using Answer = Hosts::Answer;
using Entry = Hosts::Entry;
using testing::ElementsAre;
using testing::IsEmpty;

const SteadyTime kNow{1000h};

std::vector<std::uint64_t> unpark(Hosts& hosts, SteadyTime now) {
  std::vector<std::uint64_t> ids;
  for (const auto& admitted : hosts.unpark(now)) ids.push_back(static_cast<std::uint64_t>(admitted.id));
  return ids;
}

/// A host that has answered once is trusted with its whole share.
void prove(Hosts& hosts, const std::string& host) {
  ASSERT_EQ(hosts.enter(host, RepoId{9'999}, kNow), Entry::entered);
  hosts.leave(host, Answer::prompt, kNow);
}

TEST(Hosts, GivesAProvenHostItsShareAndParksTheRest) {
  Hosts hosts({.per_host = 2});
  prove(hosts, "a");
  EXPECT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
  EXPECT_EQ(hosts.enter("a", RepoId{2}, kNow), Entry::entered);
  EXPECT_EQ(hosts.enter("a", RepoId{3}, kNow), Entry::parked);
  EXPECT_EQ(hosts.enter("b", RepoId{4}, kNow), Entry::entered);
  EXPECT_THAT(unpark(hosts, kNow), IsEmpty());

  hosts.leave("a", Answer::prompt, kNow);
  EXPECT_THAT(unpark(hosts, kNow), ElementsAre(3));
  EXPECT_EQ(hosts.parked(), 0U);
  EXPECT_EQ(hosts.fetching(), 3U);
}

TEST(Hosts, TriesANewHostWithOneFetch) {
  Hosts hosts({});
  EXPECT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
  EXPECT_EQ(hosts.enter("a", RepoId{2}, kNow), Entry::parked);
  hosts.leave("a", Answer::prompt, kNow);
  EXPECT_THAT(unpark(hosts, kNow), ElementsAre(2));
  EXPECT_EQ(hosts.enter("a", RepoId{3}, kNow), Entry::entered);
}

TEST(Hosts, CountsThoseThatAreFetchedFromAndThoseThatAreCrowded) {
  Hosts hosts({});
  for (const char* host : {"a", "b"}) {
    ASSERT_EQ(hosts.enter(host, RepoId{1}, kNow), Entry::entered);
    ASSERT_EQ(hosts.enter(host, RepoId{2}, kNow), Entry::parked);
  }
  EXPECT_EQ(hosts.active(), 2U);
  EXPECT_EQ(hosts.crowded(), 2U);
  hosts.leave("a", Answer::prompt, kNow);
  EXPECT_EQ(hosts.active(), 1U);
  EXPECT_THAT(unpark(hosts, kNow), ElementsAre(2));
  EXPECT_EQ(hosts.active(), 2U);
  EXPECT_EQ(hosts.crowded(), 1U);
}

TEST(Hosts, LeavesAPausedHostAloneToTheSecond) {
  Hosts hosts({});
  prove(hosts, "a");
  hosts.pause("a", kNow + 7s);
  hosts.pause("a", kNow + 3s);  // the later one counts
  EXPECT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::parked);
  EXPECT_EQ(hosts.next_due(), kNow + 7s);
  EXPECT_THAT(unpark(hosts, kNow + 6999ms), IsEmpty());
  EXPECT_EQ(hosts.paused(), 1U);

  EXPECT_THAT(unpark(hosts, kNow + 7s), ElementsAre(1));
  EXPECT_EQ(hosts.paused(), 0U);
  EXPECT_EQ(hosts.next_due(), std::nullopt);
}

TEST(Hosts, ReposThatWaitedAlreadyOutwaitAPauseOfTheirHost) {
  Hosts hosts({.fetches = 1});
  prove(hosts, "a");
  ASSERT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
  for (const std::uint64_t id : {2U, 3U}) ASSERT_EQ(hosts.enter("a", RepoId{id}, kNow), Entry::parked);
  hosts.pause("a", kNow + 7s);
  hosts.leave("a", Answer::prompt, kNow);
  EXPECT_THAT(unpark(hosts, kNow + 1s), IsEmpty());
  EXPECT_EQ(hosts.crowded(), 1U) << "though it is paused";
  EXPECT_EQ(hosts.enter("a", RepoId{4}, kNow + 1s), Entry::parked);

  EXPECT_THAT(unpark(hosts, kNow + 7s), ElementsAre(2));
  for (const std::uint64_t next : {3U, 4U}) {
    hosts.leave("a", Answer::prompt, kNow + 7s);
    EXPECT_THAT(unpark(hosts, kNow + 7s), ElementsAre(next));
  }
  EXPECT_EQ(hosts.crowded(), 0U);
}

TEST(Hosts, HostsOnTrialAndProvenOnesHaveTurnsInTheSameFetches) {
  Hosts hosts({.fetches = 2, .per_host = 2});
  prove(hosts, "good");
  for (const std::uint64_t id : {1U, 2U}) ASSERT_EQ(hosts.enter("good", RepoId{id}, kNow), Entry::entered);
  for (const std::uint64_t id : {3U, 4U, 5U, 6U}) ASSERT_EQ(hosts.enter("good", RepoId{id}, kNow), Entry::parked);
  for (const std::uint64_t id : {11U, 12U}) {
    ASSERT_EQ(hosts.enter("new" + std::to_string(id), RepoId{id}, kNow), Entry::parked);
  }
  std::vector<std::uint64_t> order;
  for (std::size_t freed = 0; freed < 4; ++freed) {
    hosts.leave(freed == 0 || order.back() < 10 ? "good" : "new" + std::to_string(order.back()), Answer::prompt, kNow);
    for (const auto& [host, id] : hosts.unpark(kNow)) order.push_back(static_cast<std::uint64_t>(id));
  }
  EXPECT_THAT(order, testing::UnorderedElementsAre(3, 11, 4, 12)) << "neither line waits for the other to be empty";
}

TEST(Hosts, HostThatHasProvenItselfLeavesTheLineOfThoseOnTrial) {
  Hosts hosts({.fetches = 4});
  ASSERT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
  ASSERT_EQ(hosts.enter("hangs", RepoId{2}, kNow), Entry::entered);
  for (const char* host : {"b", "c", "a"}) ASSERT_EQ(hosts.enter(host, RepoId{3}, kNow), Entry::parked);
  hosts.leave("a", Answer::prompt, kNow);
  std::vector<std::string> names;
  for (const auto& [host, id] : hosts.unpark(kNow)) names.push_back(host);
  EXPECT_THAT(names, testing::UnorderedElementsAre("a", "b")) << "b has the place on trial that a gave up";
}

TEST(Hosts, GivesHangingHostsAtMostHalfOfAllFetches) {
  Hosts hosts({.fetches = 10});
  for (const char* good : {"good1", "good2"}) prove(hosts, good);
  std::size_t hanging = 0;
  for (std::uint64_t host = 0; host < 50; ++host) {
    hanging += hosts.enter("hang" + std::to_string(host), RepoId{host}, kNow) == Entry::entered ? 1 : 0;
  }
  EXPECT_EQ(hanging, 5U);

  EXPECT_EQ(hosts.enter("good1", RepoId{101}, kNow), Entry::entered);
  EXPECT_EQ(hosts.enter("good2", RepoId{102}, kNow), Entry::entered);
}

TEST(Hosts, RestsLongerFromAHostTheMoreOftenItHangs) {
  Hosts hosts({});
  SteadyTime now = kNow;
  std::vector<std::chrono::seconds> rests;
  for (int time = 0; time < 10; ++time) {
    ASSERT_EQ(hosts.enter("a", RepoId{1}, now), Entry::entered);
    hosts.leave("a", Answer::none, now);
    if (hosts.enter("a", RepoId{1}, now) == Entry::entered) {
      rests.push_back(0s);
      hosts.leave("a", Answer::unknown, now);
      continue;
    }
    const auto due = hosts.next_due().value();
    rests.push_back(std::chrono::duration_cast<std::chrono::seconds>(due - now));
    now = due;
    ASSERT_THAT(unpark(hosts, now), ElementsAre(1));
    hosts.leave("a", Answer::unknown, now);
  }
  EXPECT_THAT(rests, ElementsAre(0s, 30s, 60s, 120s, 240s, 480s, 960s, 1920s, 3600s, 3600s));
}

TEST(Hosts, ForgetsHowOftenAHostHungOnceItAnswers) {
  Hosts hosts({});
  const auto fetch = [&](Answer answer) {
    ASSERT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
    hosts.leave("a", answer, kNow);
  };
  for (const auto answer : {Answer::none, Answer::prompt, Answer::none, Answer::prompt}) fetch(answer);
  ASSERT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered) << "it never hung twice in a row";
}

TEST(Hosts, TakesFetchesThatHangTogetherForOneTrouble) {
  Hosts hosts({.per_host = 4});
  prove(hosts, "a");
  for (std::uint64_t id = 1; id <= 4; ++id) ASSERT_EQ(hosts.enter("a", RepoId{id}, kNow), Entry::entered);
  for (int fetch = 0; fetch < 4; ++fetch) hosts.leave("a", Answer::none, kNow);

  EXPECT_EQ(hosts.enter("a", RepoId{5}, kNow), Entry::parked);
  EXPECT_EQ(hosts.next_due(), kNow + 30s);
}

TEST(Hosts, TurnsAwayWhenTooManyAreParked) {
  Hosts hosts({.park = 2, .parked = 3});
  ASSERT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
  EXPECT_EQ(hosts.enter("a", RepoId{2}, kNow), Entry::parked);
  EXPECT_EQ(hosts.enter("a", RepoId{3}, kNow), Entry::parked);
  EXPECT_EQ(hosts.enter("a", RepoId{4}, kNow), Entry::full);
  ASSERT_EQ(hosts.enter("b", RepoId{5}, kNow), Entry::entered);
  EXPECT_EQ(hosts.enter("b", RepoId{6}, kNow), Entry::parked);
  EXPECT_EQ(hosts.enter("b", RepoId{7}, kNow), Entry::full);
  EXPECT_EQ(hosts.parked(), 3U);
}

TEST(Hosts, ServesCrowdedHostsInTurn) {
  Hosts hosts({.fetches = 2, .per_host = 2});
  for (const char* host : {"a", "b"}) prove(hosts, host);
  ASSERT_EQ(hosts.enter("c", RepoId{1}, kNow), Entry::entered);
  ASSERT_EQ(hosts.enter("a", RepoId{2}, kNow), Entry::entered);
  for (std::uint64_t id = 10; id < 14; ++id) {
    ASSERT_EQ(hosts.enter(id % 2 == 0 ? "a" : "b", RepoId{id}, kNow), Entry::parked);
  }
  hosts.leave("a", Answer::prompt, kNow);
  EXPECT_THAT(unpark(hosts, kNow), ElementsAre(10));  // a's turn: and then b's, though a could take one more
  hosts.leave("a", Answer::prompt, kNow);
  EXPECT_THAT(unpark(hosts, kNow), ElementsAre(11));
}

TEST(Hosts, ForgetsHostsItLearnedNothingAbout) {
  Hosts hosts({.fetches = 1, .park = 0, .known = 3});
  ASSERT_EQ(hosts.enter("busy", RepoId{1}, kNow), Entry::entered);
  for (std::uint64_t host = 0; host < 100; ++host) {
    ASSERT_EQ(hosts.enter("h" + std::to_string(host), RepoId{host}, kNow), Entry::full);
  }
  EXPECT_EQ(hosts.known(), 1U);
  hosts.leave("busy", Answer::prompt, kNow);
  for (std::uint64_t host = 0; host < 100; ++host) {
    const std::string name = "h" + std::to_string(host);
    ASSERT_EQ(hosts.enter(name, RepoId{host}, kNow), Entry::entered);
    hosts.leave(name, Answer::prompt, kNow);
  }
  EXPECT_LE(hosts.known(), 4U);
}

TEST(Hosts, RemembersABoundedNumberOfPauses) {
  Hosts hosts({.known = 100});
  for (std::uint64_t number = 0; number < 1'000; ++number) {
    const std::string name = "h" + std::to_string(number);
    ASSERT_EQ(hosts.enter(name, RepoId{number}, kNow), Entry::entered);
    hosts.pause(name, kNow + 1h);
    hosts.leave(name, Answer::prompt, kNow);
  }
  EXPECT_LE(hosts.known(), 100U);
  EXPECT_EQ(hosts.paused(), hosts.known());
  EXPECT_THAT(unpark(hosts, kNow), IsEmpty());
}

TEST(Hosts, ForgetsAHostWithItsPauseWhenThatIsAllItKnows) {
  Hosts hosts({});
  hosts.pause("a", kNow + 1s);
  EXPECT_EQ(hosts.known(), 1U);
  EXPECT_THAT(unpark(hosts, kNow + 1s), IsEmpty());
  EXPECT_EQ(hosts.known(), 0U);
}

std::vector<std::string> names(const std::vector<Hosts::Status>& hosts) {
  std::vector<std::string> all;
  for (const auto& host : hosts) all.push_back(host.name);
  return all;
}

TEST(Hosts, NamesThoseForWhichMostReposWaitHoweverManyThereAre) {
  constexpr std::uint64_t kHosts = 10'000;
  Hosts hosts({.fetches = 2 * kHosts});
  for (std::uint64_t number = 0; number < kHosts; ++number) {
    const std::string name = "h" + std::to_string(number);
    ASSERT_EQ(hosts.enter(name, RepoId{number}, kNow), Entry::entered);
    // The host in the middle is the worst, those beside it are a little better.
    const auto waiting = 30 - std::abs(static_cast<std::int64_t>(number) - 5'000);
    for (std::int64_t repo = 0; repo < waiting; ++repo) ASSERT_EQ(hosts.enter(name, RepoId{1}, kNow), Entry::parked);
  }
  EXPECT_THAT(names(hosts.worst(4, kNow)), ElementsAre("h5000", "h5001", "h4999", "h5002"));
  EXPECT_EQ(hosts.worst(20, kNow).size(), 20U);
  EXPECT_EQ(hosts.worst(kHosts + 1, kNow).size(), kHosts);
}

TEST(Hosts, NamesAmongEqualsTheLongestPausedAndThenTheBusiest) {
  Hosts hosts({});
  for (const char* host : {"idle", "busy", "busier"}) prove(hosts, host);
  for (const char* host : {"busy", "busier", "busier"}) ASSERT_EQ(hosts.enter(host, RepoId{1}, kNow), Entry::entered);
  hosts.pause("paused", kNow + 10s);
  hosts.pause("longer", kNow + 20s);
  hosts.pause("waited-for", kNow + 5s);
  ASSERT_EQ(hosts.enter("waited-for", RepoId{1}, kNow), Entry::parked);
  EXPECT_THAT(names(hosts.worst(20, kNow)), ElementsAre("waited-for", "longer", "paused", "busier", "busy"));
}

TEST(Hosts, TellsHowAHostIsToTheSecond) {
  Hosts hosts({.per_host = 2});
  prove(hosts, "a");
  for (std::uint64_t id = 1; id <= 5; ++id) (void)hosts.enter("a", RepoId{id}, kNow);
  const auto is = [&](SteadyTime now, std::size_t waiting, std::size_t fetching, std::chrono::seconds paused,
                      std::uint32_t hung) {
    const auto worst = hosts.worst(1, now);
    ASSERT_EQ(worst.size(), 1U);
    EXPECT_EQ(worst[0].waiting, waiting);
    EXPECT_EQ(worst[0].fetching, fetching);
    EXPECT_EQ(worst[0].paused, paused);
    EXPECT_EQ(worst[0].hung, hung);
  };
  is(kNow, 3, 2, 0s, 0);
  hosts.leave("a", Answer::none, kNow);
  is(kNow, 3, 1, 0s, 1);
  hosts.leave("a", Answer::none, kNow);
  is(kNow, 3, 0, 30s, 2);
  is(kNow + 1ms, 3, 0, 30s, 2);
  is(kNow + 29'001ms, 3, 0, 1s, 2);
  is(kNow + 30s, 3, 0, 0s, 2);
}

TEST(Hosts, NamesNoneThatIsWellAgain) {
  Hosts hosts({});
  ASSERT_EQ(hosts.enter("a", RepoId{1}, kNow), Entry::entered);
  ASSERT_EQ(hosts.enter("a", RepoId{2}, kNow), Entry::parked);
  hosts.pause("a", kNow + 7s);
  hosts.leave("a", Answer::prompt, kNow);
  ASSERT_THAT(unpark(hosts, kNow + 7s), ElementsAre(2));
  EXPECT_THAT(names(hosts.worst(20, kNow + 7s)), ElementsAre("a"));
  hosts.leave("a", Answer::prompt, kNow + 7s);
  EXPECT_THAT(names(hosts.worst(20, kNow + 7s)), IsEmpty());
  EXPECT_EQ(hosts.known(), 1U);
}

/// Whatever happens: the limits hold, nobody is lost, nobody is given twice.
TEST(Hosts, KeepsItsLimitsAndLosesNobody) {
  std::mt19937 dice(11);
  const auto roll = [&](unsigned below) { return dice() % below; };
  for (int round = 0; round < 100; ++round) {
    const Hosts::Limits limits{.fetches = 1 + roll(8), .per_host = 1 + roll(3), .park = roll(5), .parked = roll(12)};
    Hosts hosts(limits);
    std::multimap<std::string, std::uint64_t> inside;
    std::set<std::uint64_t> parked;
    std::map<std::string, SteadyTime> pauses;
    SteadyTime now = kNow;
    for (std::uint64_t id = 1; id < 400; ++id) {
      const std::string host(1, static_cast<char>('a' + roll(5)));
      const auto begin = [&](const std::string& at, std::uint64_t who) {
        inside.emplace(at, who);
        ASSERT_LE(inside.size(), limits.fetches);
        ASSERT_LE(inside.count(at), limits.per_host);
        ASSERT_LE(pauses[at], now);
      };
      switch (roll(5)) {
        case 0:
        case 1: {
          const auto entry = hosts.enter(host, RepoId{id}, now);
          if (entry == Entry::entered) begin(host, id);
          if (entry == Entry::parked) parked.insert(id);
          break;
        }
        case 2: {
          const auto one = inside.find(host);
          if (one == inside.end()) break;
          hosts.leave(host, static_cast<Answer>(roll(3)), now);
          inside.erase(one);
          break;
        }
        case 3:
          pauses[host] = std::max(pauses[host], now + std::chrono::seconds(roll(10)));
          hosts.pause(host, pauses[host]);
          break;
        default:
          now += std::chrono::seconds(roll(5));
          for (const auto& admitted : hosts.unpark(now)) {
            ASSERT_EQ(parked.erase(static_cast<std::uint64_t>(admitted.id)), 1U);
            begin(admitted.host, static_cast<std::uint64_t>(admitted.id));
          }
      }
      ASSERT_EQ(hosts.parked(), parked.size());
      ASSERT_EQ(hosts.fetching(), inside.size());
      ASSERT_LE(parked.size(), limits.parked);
    }
    // In the end everybody gets in.
    for (int turn = 0; turn < 1'000 && !parked.empty(); ++turn) {
      for (const auto& [host, id] : inside) hosts.leave(host, Answer::prompt, now);
      inside.clear();
      now += 1h;
      for (const auto& admitted : hosts.unpark(now)) {
        parked.erase(static_cast<std::uint64_t>(admitted.id));
        inside.emplace(admitted.host, 0);
      }
    }
    EXPECT_THAT(parked, IsEmpty());
  }
}

}  // namespace
}  // namespace tap::resync
