// SPDX-License-Identifier: MIT
// Kills Tap again and again under load, and looks whether it keeps its promises. See README.md beside this file.
#include "crash/supervisor.hpp"
#include "support/process/long_test.hpp"

#include <CLI/CLI.hpp>

#include <random>
#include <utility>

int main(int argc, char** argv) {
  tap::crash::Options options{.seed = std::random_device{}()};
  bool on_postgres = false;
  CLI::App app("Kills Tap at random moments under load; every promise must hold.");
  app.add_option("--tap", options.tap, "the binary")->required();
  app.add_option("--kills", options.kills, "how often");
  app.add_option("--seed", options.seed, "repeats the choices of a run, not its timing");
  app.add_option("--accounts", options.accounts, "in the network")->check(CLI::PositiveNumber);
  app.add_option("--settle-every", options.settle_every, "kills between two looks at everything")
      ->check(CLI::PositiveNumber);
  app.add_flag("--postgres", on_postgres, "on PostgreSQL instead of SQLite");
  CLI11_PARSE(app, argc, argv);
  return tap::test::run_long_test<tap::crash::Supervisor>(std::move(options), on_postgres);
}
