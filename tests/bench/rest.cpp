// SPDX-License-Identifier: MIT
#include "bench/scenario.hpp"
#include "bench/seed.hpp"

#include <string>

namespace tap::bench {

void run_rest(const Run& run) {
  const std::size_t repos = run.scale(run.options.accounts, 1'000'000, 2'000);
  const Network network({.accounts = 0});
  Database empty(run.options.folder, run.options.server), full(run.options.folder, run.options.server);
  seed_repos(full, repos);

  const auto idle = [&](const Database& database, double& start) {
    Stage stage(run, database, network);
    stage.detach_consumer();
    start = stage.tap().startup_seconds();
    stage.settle();
    const Usage usage = stage.usage();
    stage.finish();
    return static_cast<double>(usage.resident);
  };
  double start_empty = 0;
  double start_full = 0;
  const double memory_empty = idle(empty, start_empty);
  const double memory_full = idle(full, start_full);

  const auto count = static_cast<double>(repos);
  run.report.add({"repos", count, ""});
  run.report.add({"memory of a repo", (memory_full - memory_empty) / count, "B", at_most(100)});
  // The bar is for a million; of fewer repos, their share above an empty Tap must be as good.
  run.report.add({"memory, all", memory_full / 1e6, "MB", at_most(130)});
  run.report.add({"memory, empty", memory_empty / 1e6, "MB"});
  run.report.add({"start", start_full, "s"});
  run.report.add({"start, empty", start_empty, "s"});
  run.report.add({"database, a repo", static_cast<double>(full.bytes()) / count, "B"});
}

}  // namespace tap::bench
