// SPDX-License-Identifier: MIT
// The PostgreSQL server is stopped under full load, and started again: nothing may be lost, told twice or out of order.
#include "bench/scenario.hpp"
#include "support/postgres_server.hpp"

#include <fmt/format.h>

#include <csignal>
#include <future>
#include <stdexcept>
#include <thread>
#include <unordered_map>

namespace tap::bench {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kLoadLimit = std::chrono::minutes(5);

struct Outage {
  SteadyClock::time_point back{};  // when the server takes connections again
  double health = 0;               // seconds that the slowest answer of /health took meanwhile
};

/// Where and how the server is stopped.
struct Stop {
  std::uint64_t commits;          // have come
  std::vector<std::string> dids;  // are being fetched
  int signal;
  std::chrono::milliseconds length;
};

Outage interrupt(Stage& stage, test::PostgresServer& server, const Stop& stop) {
  const auto tally = [&] { return stage.consumer().tally(); };
  const bool flows = wait_until([&] { return tally().live.events >= stop.commits; }, kLoadLimit);
  const std::uint64_t before = tally().historical.events;
  stage.api().add(stop.dids);
  if (!flows || !wait_until([&] { return tally().historical.events > before; }, kLoadLimit)) {
    throw std::runtime_error("the load does not come");
  }
  Outage outage;
  server.stop(stop.signal);
  for (const auto end = SteadyClock::now() + stop.length; SteadyClock::now() < end; std::this_thread::sleep_for(20ms)) {
    const auto asked = SteadyClock::now();
    stage.api().health();
    outage.health = std::max(outage.health, seconds_between(asked, SteadyClock::now()));
  }
  server.start();
  outage.back = SteadyClock::now();
  return outage;
}

/// What is to be told of the first accounts.
Expected backfill_of(const Network& network, std::size_t accounts) {
  Expected events;
  for (std::size_t i = 0; i < accounts; ++i) {
    for (const std::uint64_t key : Network::backfill_of(network.accounts()[i])) events.add(key);
  }
  return events;
}

/// The live events of an account come in the order of its commits.
void check_order(const Network::Commits& commits, std::size_t accounts,
                 const std::vector<Consumer::Arrival>& arrivals) {
  std::unordered_map<std::uint64_t, std::size_t> commit_of;
  for (std::size_t i = 0; i < commits.keys.size(); ++i) commit_of.emplace(commits.keys[i], i);
  std::vector<std::size_t> next(accounts);  // the accounts take turns
  for (std::size_t i = 0; i < accounts; ++i) next[i] = i;
  for (const auto& [key, arrival] : arrivals) {
    const auto found = commit_of.find(key);
    if (found == commit_of.end()) continue;  // historical
    std::size_t& due = next[found->second % accounts];
    if (found->second != due) throw std::runtime_error(fmt::format("commit {} came before {}", found->second, due));
    due += accounts;
  }
}

void add(const Run& run, const std::string& name, const Outage& outage,
         const std::vector<Consumer::Arrival>& arrivals) {
  const auto first = std::ranges::lower_bound(arrivals, outage.back, {}, &Consumer::Arrival::second);
  if (first == arrivals.begin() || first == arrivals.end()) throw std::runtime_error("it was not under load");
  run.report.add({name + ": no event for", seconds_between(std::prev(first)->second, first->second), "s"});
  run.report.add({name + ": the first, after the start", seconds_between(outage.back, first->second), "s"});
  run.report.add({name + ": /health, the slowest", outage.health * 1e3, "ms"});
}

}  // namespace

void run_outage(const Run& run) {
  if (run.options.own_server == nullptr) return run.report.note("skipped: needs a server to stop (--postgres)");
  // Two quarters of the accounts write, and each of the others is fetched while the server is stopped.
  const std::size_t quarter = run.scale(run.options.accounts, 400, 20) / 4;
  const auto length = run.options.smoke ? 1'000ms : 20'000ms;
  Network network({.accounts = 4 * quarter, .records = run.scale(run.options.records, 2'000, 50)});
  const auto dids = network.dids();
  const auto dids_of = [&](std::size_t first, std::size_t last) {
    const auto at = [&](std::size_t place) { return dids.begin() + static_cast<std::ptrdiff_t>(place * quarter); };
    return std::vector<std::string>(at(first), at(last));
  };
  const Expected followed = backfill_of(network, 2 * quarter);  // before they write
  auto commits = network.post(run.scale(run.options.events, 200'000, 2'000), 0, 2 * quarter);
  const std::uint64_t fifth = commits.events.events / 5;

  Database database(run.options.folder, run.options.server);
  std::future<void> sending;  // ends at the latest with the Tap that it sends to
  Stage stage(run, database, network);
  stage.detach_consumer();
  stage.attach_consumer(true);
  network.firehose().wait_for_client();
  stage.onboard(dids_of(0, 2), followed);
  sending = std::async(std::launch::async, [&] { network.firehose().send(commits.frames); });
  auto& server = *run.options.own_server;
  const Outage fast = interrupt(stage, server, {fifth, dids_of(2, 3), SIGINT, length});
  const Outage immediate = interrupt(stage, server, {3 * fifth, dids_of(3, 4), SIGQUIT, length});
  stage.await_live(commits.events);
  const Tally tally = stage.await_backfill(network.backfill(), dids.size());
  sending.get();
  stage.settle();
  const auto arrivals = stage.consumer().arrivals();
  check_order(commits, 2 * quarter, arrivals);
  stage.finish();

  run.report.add({"events", static_cast<double>(tally.live.events + tally.historical.events + tally.identities), ""});
  run.report.add({"repeats", static_cast<double>(tally.repeated), ""});
  if (run.options.smoke) return;  // it may all have come before
  add(run, "fast stop", fast, arrivals);
  add(run, "immediate stop", immediate, arrivals);
}

}  // namespace tap::bench
