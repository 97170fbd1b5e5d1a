// SPDX-License-Identifier: MIT
// Runs Tap in a world of faults, and looks whether it keeps its promises. See README.md beside this file.
#include "faults/run.hpp"
#include "support/process/long_test.hpp"

#include <CLI/CLI.hpp>

#include <random>
#include <utility>

int main(int argc, char** argv) {
  tap::faults::Options options{.seed = std::random_device{}()};
  bool on_postgres = false;
  double minutes = 1;
  long round = options.round.count(), patience = options.patience.count();
  CLI::App app("Runs Tap between a relay, PDSes, directories and consumers full of faults; every promise must hold.");
  app.add_option("--tap", options.tap, "the binary")->required();
  app.add_option("--minutes", minutes, "of faults")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "repeats the choices of a run, not its timing");
  app.add_option("--accounts", options.honest, "honest ones")->check(CLI::PositiveNumber);
  app.add_option("--round", round, "seconds of faults between two times of calm")->check(CLI::PositiveNumber);
  app.add_option("--patience", patience, "seconds within which everything is right again")->check(CLI::PositiveNumber);
  app.add_flag("--postgres", on_postgres, "on PostgreSQL instead of SQLite");
  CLI11_PARSE(app, argc, argv);
  options.length =
      std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double, std::ratio<60>>(minutes));
  options.round = std::chrono::seconds(round);
  options.patience = std::chrono::seconds(patience);
  return tap::test::run_long_test<tap::faults::Run>(std::move(options), on_postgres);
}
