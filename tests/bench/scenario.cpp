// SPDX-License-Identifier: MIT
#include "bench/scenario.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace tap::bench {
namespace {

using namespace std::chrono_literals;

/// Longer than the age at which commits are folded into the tables: that work is part of what they cost.
constexpr auto kFoldAge = 6'000ms;
/// No event for so long: none will come.
constexpr auto kStall = 30s;
constexpr auto kStateLimit = 60s;

std::string describe(const Tally& tally) {
  return fmt::format("{} live, {} historical and {} identity events, {} of them twice", tally.live.events,
                     tally.historical.events, tally.identities, tally.repeated);
}

void check(const Tally& tally, const Expected& got, const Expected& expected) {
  if (got == expected && tally.repeated == 0) return;
  throw std::runtime_error(fmt::format("not what was sent: got {}; expected {}, and the contents {}", describe(tally),
                                       expected.events, got.digest == expected.digest ? "agree" : "differ"));
}

std::vector<std::string> join(std::vector<std::string> flags, const std::vector<std::string>& further) {
  flags.insert(flags.end(), further.begin(), further.end());
  return flags;
}

}  // namespace

void Run::add_server(const Usage& before, const Usage& after, double count, const std::string& each) const {
  if (options.server.empty()) return;
  report.add(
      {"CPU of the server, " + each, (after.server_cpu_seconds - before.server_cpu_seconds) / count * 1e6, "us"});
  report.add({"log of the server, " + each, static_cast<double>(after.server_log - before.server_log) / count, "B"});
}

void Run::add_written(const Usage& before, const Usage& after, double count, const std::string& each,
                      std::optional<Bar> most, const std::string& original) const {
  report.add({"written to disk, " + each, static_cast<double>(after.written - before.written) / count, "B",
              bar(most, std::nullopt), original});
}

Stage::Stage(const Run& run, const Database& database, const Network& network, const std::vector<std::string>& flags)
    : run_(run),
      database_(database),
      tap_(run.options.tap, database, join(network.flags(), flags), run.options.cores),
      api_(tap_.port()) {
  attach_consumer();
}

Usage Stage::usage() const {
  Usage usage = tap_.usage();
  usage.server_cpu_seconds = database_.server_cpu_seconds();
  usage.server_log = database_.server_log_bytes();
  return usage;
}

template <class Done>
Tally Stage::await(const std::string& what, Done done) {
  auto progress = std::chrono::steady_clock::now();
  Tally before;
  Tally tally;
  const bool came = wait_until(
      [&] {
        tally = consumer_->tally();
        const auto now = std::chrono::steady_clock::now();
        if (tally.live.events + tally.historical.events + tally.identities !=
            before.live.events + before.historical.events + before.identities) {
          progress = now;
        }
        before = tally;
        return done(tally) || now - progress > kStall;
      },
      std::chrono::hours(1));
  if (!came || !done(tally)) {
    throw std::runtime_error(fmt::format("{} did not come: got {}{}", what, describe(tally), tap_.errors()));
  }
  return tally;
}

Tally Stage::await_live(const Expected& expected) {
  const Tally tally = await(fmt::format("{} live events", expected.events),
                            [&](const Tally& now) { return now.live.events >= expected.events; });
  check(tally, tally.live, expected);
  return tally;
}

Tally Stage::await_backfill(const Expected& expected, std::size_t repos) {
  const Tally tally =
      await(fmt::format("a backfill of {} records and {} identities", expected.events, repos),
            [&](const Tally& now) { return now.historical.events >= expected.events && now.identities >= repos; });
  check(tally, tally.historical, expected);
  return tally;
}

void Stage::onboard(const std::vector<std::string>& dids, const Expected& expected) {
  api_.add(dids);
  await_backfill(expected, dids.size());
  for (const std::string& did : dids) {
    if (!wait_until([&] { return api_.state(did) == "active"; }, kStateLimit)) {
      throw std::runtime_error(did + " did not become active" + tap_.errors());
    }
  }
  settle();
}

void Stage::settle() {
  if (consumer_ && !wait_until([this] { return api_.undelivered() == 0; }, kStateLimit)) {
    throw std::runtime_error(fmt::format("{} events stay undelivered", api_.undelivered()));
  }
  if (!run_.options.smoke) tap_.settle(kFoldAge);
}

void Stage::finish() {
  detach_consumer();
  tap_.stop();
  if (const std::string errors = tap_.errors(); !errors.empty()) run_.report.note("it has logged errors:" + errors);
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kAll = {
      {"live", "commits of tracked repos, as fast as they are taken", &run_live},
      {"live_fixed", "300 commits a second: how long each takes", &run_live_fixed},
      {"untracked", "commits of repos that nobody has asked for", &run_untracked},
      {"backfill", "large repos, whole", &run_backfill},
      {"onboarding", "many repos of one record", &run_onboarding},
      {"big_car", "one repo with an export of hundreds of megabytes", &run_big_car},
      {"hostile", "a backfill beside as many hosts that hang, lie and break off", &run_hostile},
      {"outage", "a PostgreSQL server is stopped under full load, and comes back", &run_outage},
      {"drain", "a consumer comes back after an outage", &run_drain},
      {"growth", "live commits with a large database against a small one", &run_growth},
      {"rest", "many tracked repos that do nothing", &run_rest},
      {"pure", "the functions on a commit's way, one by one and without a Tap", &run_pure},
  };
  return kAll;
}

}  // namespace tap::bench
