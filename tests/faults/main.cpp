// SPDX-License-Identifier: MIT
// Runs Tap in a world of faults, and looks whether it keeps its promises. See README.md beside this file.
#include "faults/run.hpp"
#include "support/postgres_server.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <filesystem>
#include <iostream>
#include <random>

namespace {

constexpr int kSkipped = 77;

}  // namespace

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
  options.tap = std::filesystem::absolute(options.tap);  // it works in a folder of its own
  options.length =
      std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double, std::ratio<60>>(minutes));
  options.round = std::chrono::seconds(round);
  options.patience = std::chrono::seconds(patience);
  try {
    if (on_postgres) {
      if (const std::string reason = tap::test::PostgresServer::missing(); !reason.empty()) {
        std::cout << "skipped: " << reason << '\n';
        return kSkipped;
      }
      tap::test::postgres_server().sql("CREATE SCHEMA tap");
      options.database_url = tap::test::postgres_server().schema_url("tap");
    }
    std::cout << "seed " << options.seed << std::endl;
    tap::faults::Run(options).run();
  } catch (const std::exception& error) {
    std::cerr << "seed " << options.seed << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}
