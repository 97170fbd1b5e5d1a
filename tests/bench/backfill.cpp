// SPDX-License-Identifier: MIT
#include "bench/scenario.hpp"

namespace tap::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct BackfillFigures {
  double seconds = 0;  // from the request to the last record event
  double cpu = 0;      // seconds
  Usage before{}, after{};
  std::uint64_t database = 0;  // bytes, once all is acked and Tap has ended
};

BackfillFigures backfill(const Run& run, Network& network) {
  BackfillFigures figures;
  Database database(run.options.folder, run.options.server);
  Stage stage(run, database, network);
  network.firehose().wait_for_client();
  stage.settle();
  stage.tap().reset_peak();
  figures.before = stage.usage();
  const auto begin = SteadyClock::now();
  stage.api().add(network.dids());
  const Tally tally = stage.await_backfill(network.backfill(), network.accounts().size());
  stage.settle();
  figures.after = stage.usage();
  stage.finish();
  figures.seconds = seconds_between(begin, tally.last);
  figures.cpu = figures.after.cpu_seconds - figures.before.cpu_seconds;
  figures.database = database.bytes();
  return figures;
}

}  // namespace

void run_backfill(const Run& run) {
  Network network(
      {.accounts = run.scale(run.options.accounts, 20, 4), .records = run.scale(run.options.records, 25'000, 300)});
  const BackfillFigures figures = backfill(run, network);
  const auto records = static_cast<double>(network.backfill().events);
  run.report.add(
      {"records", records / figures.seconds, "/s", run.bar(at_least(180'000), at_least(100'000)), "20,000-27,000"});
  run.report.add({"CPU of a record", figures.cpu / records * 1e6, "us",
                  run.bar(at_most(run.verification / 6 * 1e6), std::nullopt), "54-67"});
  run.add_server(figures.before, figures.after, records, "a record");
  run.report.add({"database, a record", static_cast<double>(figures.database) / records, "B",
                  run.bar(at_most(80), at_most(200)), "222"});
  run.add_written(figures.before, figures.after, records, "a record", at_most(900), "2,700");
  run.report.add({"export, a record", static_cast<double>(network.exported_bytes()) / records, "B"});
  run.report.add({"peak memory", static_cast<double>(figures.after.peak) / 1e6, "MB"});
}

void run_onboarding(const Run& run) {
  Network network({.accounts = run.scale(run.options.accounts, 10'000, 50), .records = 1});
  const BackfillFigures figures = backfill(run, network);
  const auto repos = static_cast<double>(network.accounts().size());
  run.report.add({"repos", repos / figures.seconds, "/s", run.bar(at_least(3'000), std::nullopt)});
  run.report.add({"CPU of a repo", figures.cpu / repos * 1e6, "us", run.bar(at_most(250), std::nullopt)});
  run.add_server(figures.before, figures.after, repos, "a repo");
  run.report.add({"database, a repo", static_cast<double>(figures.database) / repos, "B"});
  run.add_written(figures.before, figures.after, repos, "a repo");
  run.report.add({"peak memory", static_cast<double>(figures.after.peak) / 1e6, "MB"});
}

void run_big_car(const Run& run) {
  constexpr std::size_t kBytesOfRecord = 245;  // with its share of the tree
  const std::size_t megabytes = run.scale(run.options.megabytes, 322, 2);
  Network network({.accounts = 1, .records = megabytes * 1'000'000 / kBytesOfRecord, .hosts = 1});
  const BackfillFigures figures = backfill(run, network);
  const auto records = static_cast<double>(network.backfill().events);
  run.report.add({"export", static_cast<double>(network.exported_bytes()) / 1e6, "MB"});
  run.report.add({"peak memory over idle",
                  static_cast<double>(figures.after.peak - figures.before.resident) / (1 << 20), "MB", at_most(64),
                  "2,700"});
  run.report.add({"records", records / figures.seconds, "/s"});
  run.report.add({"CPU of a record", figures.cpu / records * 1e6, "us"});
  run.add_written(figures.before, figures.after, records, "a record", at_most(900), "2,700");
}

}  // namespace tap::bench
