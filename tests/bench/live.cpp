// SPDX-License-Identifier: MIT
#include "bench/scenario.hpp"
#include "bench/seed.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>

namespace tap::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct LiveFigures {
  double per_second = 0;
  double cpu = 0;                           // seconds of each commit
  std::map<std::string, double> by_thread;  // likewise
  Usage before{}, after{};
};

/// Sends the commits and waits until they are acked and folded.
LiveFigures drive(Stage& stage, Firehose& firehose, Network::Commits& commits, const Expected& expected) {
  LiveFigures figures;
  figures.before = stage.usage();
  const auto threads_before = stage.tap().usage_by_thread();
  const auto begin = SteadyClock::now();
  firehose.send(commits.frames);
  const Tally tally = stage.await_live(expected);
  stage.settle();
  figures.after = stage.usage();
  const auto events = static_cast<double>(commits.events.events);
  figures.per_second = events / seconds_between(begin, tally.last);
  figures.cpu = (figures.after.cpu_seconds - figures.before.cpu_seconds) / events;
  for (const auto& [name, seconds] : stage.tap().usage_by_thread()) {
    const auto before = threads_before.find(name);
    figures.by_thread[name] = (seconds - (before == threads_before.end() ? 0 : before->second)) / events;
  }
  return figures;
}

/// What each kind of thread had of it. The loop, which there is one of, bears the name of the program.
void add_threads(const Run& run, const LiveFigures& figures) {
  const std::string loop = run.options.tap.filename().string().substr(0, 15);
  for (const auto& [name, seconds] : figures.by_thread) {
    run.report.add({"- " + (name == loop ? "loop" : name), seconds * 1e6, "us"});
  }
  if (const auto own = figures.by_thread.find(loop); own != figures.by_thread.end()) {
    run.report.add({"commits that fill the loop", 1 / own->second, "/s"});
  }
}

/// Seconds from the firehose to the consumer, sorted.
std::vector<double> latencies(const Network::Commits& commits, const std::vector<Firehose::Time>& sent,
                              const std::vector<Consumer::Arrival>& arrivals) {
  std::unordered_map<std::uint64_t, Firehose::Time> sent_by_key;
  for (std::size_t i = 0; i < sent.size(); ++i) sent_by_key.emplace(commits.keys[i], sent[i]);
  std::vector<double> latencies;
  for (const auto& [key, arrival] : arrivals) latencies.push_back(seconds_between(sent_by_key.at(key), arrival));
  std::ranges::sort(latencies);
  return latencies;
}

Expected sum(const Expected& a, const Expected& b) { return {a.events + b.events, a.digest + b.digest}; }

}  // namespace

void run_live(const Run& run) {
  Network network(
      {.accounts = run.scale(run.options.accounts, 2'000, 20), .records = run.scale(run.options.records, 100, 5)});
  auto commits = network.post(run.scale(run.options.events, 60'000, 200));
  Database database(run.options.folder, run.options.server);
  Stage stage(run, database, network);
  network.firehose().wait_for_client();
  stage.onboard(network.dids(), network.backfill());
  stage.tap().reset_peak();
  const LiveFigures figures = drive(stage, network.firehose(), commits, commits.events);
  stage.finish();

  const auto events = static_cast<double>(commits.events.events);
  run.report.add(
      {"commits", figures.per_second, "/s", run.bar(at_least(0.6 / run.verification), at_least(8'000)), "1,700"});
  run.report.add({"CPU of a commit", figures.cpu * 1e6, "us",
                  run.bar(at_most(1.8 * run.verification * 1e6), std::nullopt), "730"});
  add_threads(run, figures);
  run.add_server(figures.before, figures.after, events, "a commit");
  run.report.add({"frame", static_cast<double>(commits.frames.bytes()) / events, "B"});
  run.add_written(figures.before, figures.after, events, "a commit", at_most(3'000), "37,000");
  run.report.add({"peak memory", static_cast<double>(figures.after.peak) / 1e6, "MB"});
  run.report.add({"database", static_cast<double>(database.bytes()) / 1e6, "MB"});
}

void run_live_fixed(const Run& run) {
  constexpr double kPerSecond = 300;
  Network network(
      {.accounts = run.scale(run.options.accounts, 1'000, 20), .records = run.scale(run.options.records, 100, 5)});
  auto commits = network.post(run.scale(run.options.events, 3'000, 100));
  Database database(run.options.folder, run.options.server);
  Stage stage(run, database, network);
  network.firehose().wait_for_client();
  stage.onboard(network.dids(), network.backfill());
  stage.detach_consumer();
  stage.attach_consumer(true);
  const Usage before = stage.usage();
  const auto sent = network.firehose().send_paced(commits.frames, kPerSecond);
  const Usage after = stage.usage();
  stage.await_live(commits.events);
  auto waits = latencies(commits, sent, stage.consumer().arrivals());
  stage.settle();
  stage.finish();

  run.report.add({"latency, p50", percentile(waits, 0.5) * 1e3, "ms", run.bar(at_most(0.6), std::nullopt)});
  run.report.add({"latency, p90", percentile(waits, 0.9) * 1e3, "ms"});
  run.report.add({"latency, p99", percentile(waits, 0.99) * 1e3, "ms", run.bar(at_most(3), std::nullopt)});
  run.report.add({"latency, longest", waits.back() * 1e3, "ms"});
  const auto count = static_cast<double>(sent.size());
  run.report.add({"CPU of a commit", (after.cpu_seconds - before.cpu_seconds) / count * 1e6, "us"});
  run.add_server(before, after, count, "a commit");
}

void run_untracked(const Run& run) {
  const std::size_t times = run.scale(run.options.events, 1'500'000, 2'000) / 1'000;
  Network network(
      {.accounts = run.scale(run.options.accounts, 200, 10), .records = run.scale(run.options.records, 100, 5)});
  // Only the first is tracked: its commit is the last of the stream, and says when all of it was read.
  auto untracked = network.post(1'000, 1, network.accounts().size());
  auto last = network.post(1, 0, 1);
  Database database(run.options.folder, run.options.server);
  Stage stage(run, database, network);
  network.firehose().wait_for_client();
  const std::string did = network.accounts().front().did().str();
  stage.api().add({did});
  if (!wait_until([&] { return stage.api().state(did) == "active"; }, std::chrono::seconds(30))) {
    throw std::runtime_error("the tracked repo did not become active");
  }
  stage.settle();
  const double cpu_before = stage.usage().cpu_seconds;
  const auto begin = SteadyClock::now();
  network.firehose().send(untracked.frames, times);
  network.firehose().send(last.frames);
  const Tally tally = stage.await_live(last.events);
  stage.settle();
  const double cpu = stage.usage().cpu_seconds - cpu_before;
  stage.finish();

  const auto events = static_cast<double>(times * untracked.frames.size() + 1);
  run.report.add({"events", events / seconds_between(begin, tally.last), "/s", at_least(200'000), "40,000"});
  run.report.add({"CPU of an event", cpu / events * 1e6, "us", at_most(run.verification / 12 * 1e6), "38"});
  run.report.add({"frame", static_cast<double>(untracked.frames.bytes()) / 1'000, "B"});
}

void run_drain(const Run& run) {
  Network network(
      {.accounts = run.scale(run.options.accounts, 2'000, 20), .records = run.scale(run.options.records, 20, 5)});
  auto commits = network.post(run.scale(run.options.events, 60'000, 200));
  const std::uint64_t events = commits.events.events;
  Database database(run.options.folder, run.options.server);
  Stage stage(run, database, network);
  network.firehose().wait_for_client();
  stage.onboard(network.dids(), network.backfill());
  stage.detach_consumer();
  network.firehose().send(commits.frames);
  if (!wait_until([&] { return stage.api().undelivered() == events; }, std::chrono::minutes(2))) {
    throw std::runtime_error("only " + std::to_string(stage.api().undelivered()) + " events wait for the consumer");
  }
  stage.settle();
  const Usage waiting = stage.usage();
  const auto back = SteadyClock::now();
  stage.attach_consumer();
  const Tally tally = stage.await_live(commits.events);
  stage.settle();
  const Usage after = stage.usage();
  stage.finish();

  run.report.add({"to the first event", seconds_between(back, tally.first) * 1e3, "ms"});
  run.report.add({"events", static_cast<double>(events) / seconds_between(back, tally.last), "/s"});
  run.report.add(
      {"CPU of an event", (after.cpu_seconds - waiting.cpu_seconds) / static_cast<double>(events) * 1e6, "us"});
  run.add_server(waiting, after, static_cast<double>(events), "an event");
  run.report.add({"memory while they wait", static_cast<double>(waiting.resident) / 1e6, "MB"});
}

void run_growth(const Run& run) {
  constexpr std::size_t kFew = 25;
  const std::size_t more = run.scale(run.options.records, 2'500, 50) - kFew;
  Network network({.accounts = run.scale(run.options.accounts, 2'000, 20), .records = kFew});
  Database small(run.options.folder, run.options.server), large(run.options.folder, run.options.server);
  seed_accounts(small, network.accounts(), 0);
  seed_accounts(large, network.accounts(), more);
  const std::uint64_t large_bytes = large.bytes();
  // The first commit of each brings its identity; the others are measured.
  auto first = network.post(network.accounts().size());
  auto commits = network.post(run.scale(run.options.events, 40'000, 200));

  const auto measure = [&](const Database& database) {
    Stage stage(run, database, network);
    network.firehose().wait_for_client();
    network.firehose().send(first.frames);
    stage.await_live(first.events);
    stage.settle();
    const LiveFigures figures = drive(stage, network.firehose(), commits, sum(first.events, commits.events));
    stage.finish();
    return figures;
  };
  const LiveFigures few = measure(small);
  const LiveFigures many = measure(large);

  run.report.add({"records in the large database", static_cast<double>(network.accounts().size() * (more + kFew)), ""});
  run.report.add({"its size", static_cast<double>(large_bytes) / 1e6, "MB"});
  run.report.add({"commits, small database", few.per_second, "/s"});
  run.report.add({"commits, large database", many.per_second, "/s"});
  run.report.add({"large against small", many.per_second / few.per_second, "", at_least(0.9)});
  run.report.add({"CPU of a commit, small database", few.cpu * 1e6, "us"});
  run.report.add({"CPU of a commit, large database", many.cpu * 1e6, "us"});
}

}  // namespace tap::bench
