// SPDX-License-Identifier: MIT
#include "resync/host_gauges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const SteadyTime kNow{1000h};

class HostGaugesTest : public testing::Test {
 protected:
  metrics::GaugeSet::Values shown(const std::string& what) {
    return metrics.gauge_set("tap_resync_host_" + what, "", "host").values();
  }

  metrics::Registry metrics;
  Hosts hosts{{.fetches = 20'000}};
  HostGauges gauges{metrics};
};

TEST_F(HostGaugesTest, TellOfEachHostWhatAnOperatorAsks) {
  hosts.pause("https://limits.test", kNow + 42s);
  ASSERT_EQ(hosts.enter("https://limits.test", RepoId{1}, kNow), Hosts::Entry::parked);
  for (int time = 0; time < 2; ++time) {
    ASSERT_EQ(hosts.enter("https://hangs.test", RepoId{2}, kNow), Hosts::Entry::entered);
    hosts.leave("https://hangs.test", Hosts::Answer::none, kNow);
  }
  ASSERT_EQ(hosts.enter("https://new.test", RepoId{3}, kNow), Hosts::Entry::entered);
  for (std::uint64_t id = 4; id < 6; ++id) {
    ASSERT_EQ(hosts.enter("https://new.test", RepoId{id}, kNow), Hosts::Entry::parked);
  }
  gauges.show(hosts, kNow);
  EXPECT_THAT(shown("waiting"),
              ElementsAre(Pair("https://hangs.test", 0), Pair("https://limits.test", 1), Pair("https://new.test", 2)));
  EXPECT_THAT(shown("fetching"),
              ElementsAre(Pair("https://hangs.test", 0), Pair("https://limits.test", 0), Pair("https://new.test", 1)));
  EXPECT_THAT(shown("paused_seconds"), ElementsAre(Pair("https://hangs.test", 30), Pair("https://limits.test", 42),
                                                   Pair("https://new.test", 0)));
  EXPECT_THAT(shown("hung"),
              ElementsAre(Pair("https://hangs.test", 2), Pair("https://limits.test", 0), Pair("https://new.test", 0)));
}

TEST_F(HostGaugesTest, NameABoundedNumberOfHosts) {
  for (std::uint64_t number = 0; number < 10'000; ++number) {
    const std::string name = "https://h" + std::to_string(number) + ".test";
    ASSERT_EQ(hosts.enter(name, RepoId{number}, kNow), Hosts::Entry::entered);
    hosts.pause(name, kNow + 1h);
  }
  gauges.show(hosts, kNow);
  for (const char* what : {"waiting", "fetching", "paused_seconds", "hung"}) {
    EXPECT_EQ(shown(what).size(), HostGauges::kNamed) << what;
  }
  EXPECT_EQ(metrics.gauge("tap_resync_hosts", "", {{"state", "paused"}}).value(), 10'000);
}

TEST_F(HostGaugesTest, LetGoOfAHostThatIsWellAgain) {
  ASSERT_EQ(hosts.enter("https://a.test", RepoId{1}, kNow), Hosts::Entry::entered);
  gauges.show(hosts, kNow);
  ASSERT_THAT(shown("fetching"), ElementsAre(Pair("https://a.test", 1)));
  hosts.leave("https://a.test", Hosts::Answer::prompt, kNow);
  ASSERT_EQ(hosts.enter("https://b.test", RepoId{2}, kNow), Hosts::Entry::entered);
  gauges.show(hosts, kNow + HostGauges::kEvery);
  EXPECT_THAT(shown("fetching"), ElementsAre(Pair("https://b.test", 1)));
  hosts.leave("https://b.test", Hosts::Answer::prompt, kNow);
  gauges.show(hosts, kNow + 2 * HostGauges::kEvery);
  for (const char* what : {"waiting", "fetching", "paused_seconds", "hung"})
    EXPECT_THAT(shown(what), IsEmpty()) << what;
}

TEST_F(HostGaugesTest, LookAtTheHostsNowAndThenAsLongAsThereIsOneToName) {
  gauges.show(hosts, kNow);
  EXPECT_EQ(gauges.next_due(hosts), std::nullopt);
  ASSERT_EQ(hosts.enter("https://a.test", RepoId{1}, kNow), Hosts::Entry::entered);
  gauges.show(hosts, kNow);
  EXPECT_THAT(shown("fetching"), ElementsAre(Pair("https://a.test", 1))) << "the first one is shown at once";
  EXPECT_EQ(gauges.next_due(hosts), kNow + HostGauges::kEvery);

  hosts.leave("https://a.test", Hosts::Answer::prompt, kNow);
  gauges.show(hosts, kNow + HostGauges::kEvery - 1ms);
  EXPECT_THAT(shown("fetching"), ElementsAre(Pair("https://a.test", 1))) << "an event makes nobody look at all hosts";
  EXPECT_EQ(gauges.next_due(hosts), kNow + HostGauges::kEvery) << "or it would be shown for ever";
  gauges.show(hosts, kNow + HostGauges::kEvery);
  EXPECT_THAT(shown("fetching"), IsEmpty());
  EXPECT_EQ(gauges.next_due(hosts), std::nullopt);
}

}  // namespace
}  // namespace tap::resync
