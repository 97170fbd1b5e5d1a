// SPDX-License-Identifier: MIT
// Kills Tap again and again under load, and looks whether it keeps its promises. See README.md beside this file.
#include "crash/supervisor.hpp"
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
  options.tap = std::filesystem::absolute(options.tap);  // it works in a folder of its own
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
    tap::crash::Supervisor(options).run();
  } catch (const std::exception& error) {
    std::cerr << "seed " << options.seed << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}
