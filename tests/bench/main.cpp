// SPDX-License-Identifier: MIT
#include "tap/base/log.hpp"
#include "tap/store/store.hpp"

#include "bench/calibrator.hpp"
#include "bench/scenario.hpp"
#include "support/postgres_server.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>

namespace {

using namespace tap;
using namespace tap::bench;

struct CommandLine {
  Options options;
  std::vector<std::string> wanted;
  std::filesystem::path json;
  bool postgres = false;
  bool list = false;
};

void declare(CLI::App& app, CommandLine& line) {
  app.add_option("--tap", line.options.tap, "the program to measure")->check(CLI::ExistingFile);
  app.add_option("--scenario", line.wanted, "run only these (see --list)");
  app.add_option("--json", line.json, "write the figures to this file, too");
  app.add_option("--folder", line.options.folder, "where databases go while they are needed")
      ->check(CLI::ExistingDirectory);
  auto* db = app.add_option("--db", line.options.server, "a PostgreSQL database: schemas are made in it, and dropped")
                 ->check([](const std::string& url) {
                   return store::is_server_url(url) ? std::string() : "not the URL of a PostgreSQL database";
                 });
  app.add_flag("--postgres", line.postgres, "a PostgreSQL server of its own, in --folder")->excludes(db);
  app.add_option("--accounts", line.options.accounts, "scale: accounts of the network");
  app.add_option("--records", line.options.records, "scale: records of an account");
  app.add_option("--events", line.options.events, "scale: live events");
  app.add_option("--megabytes", line.options.megabytes, "scale: the export of big_car");
  app.add_option("--cores", line.options.cores, "so many cores for Tap, whatever the rest of the benchmark uses");
  app.add_flag("--smoke", line.options.smoke, "tiny scales: checks that everything works, measures nothing");
  app.add_flag("--list", line.list, "name the scenarios");
}

std::vector<Scenario> chosen(const std::vector<std::string>& wanted) {
  if (wanted.empty()) return scenarios();
  std::vector<Scenario> found;
  for (const std::string& name : wanted) {
    const auto scenario = std::ranges::find(scenarios(), name, &Scenario::name);
    if (scenario == scenarios().end()) throw std::invalid_argument("there is no scenario " + name);
    found.push_back(*scenario);
  }
  return found;
}

int run(CommandLine line) {
  const auto selected = chosen(line.wanted);
  std::optional<test::PostgresServer> server;
  if (line.postgres) {
    if (const std::string reason = test::PostgresServer::missing(); !reason.empty()) throw std::runtime_error(reason);
    server.emplace(std::vector<std::string>(), line.options.folder);  // with the settings of every new server
    line.options.server = server->url();
    line.options.own_server = &*server;
  }
  Report report;
  report.open(measure_verification(), !line.options.smoke);
  for (const Scenario& scenario : selected) {
    report.begin(std::string(scenario.name));
    try {
      scenario.run({line.options, measure_verification(), report});
    } catch (const std::exception& error) {
      report.fail(error.what());
    }
  }
  if (!line.json.empty()) report.write_json(line.json);
  return report.complete() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  tap::log::set_level(tap::log::Level::warn);  // the store that seeds databases speaks, too
  CLI::App app("Measures Tap as a whole: rate, CPU, memory and disk, beside the bars that it is held to.");
  CommandLine line;
  declare(app, line);
  // The build tree's own binary, unless told otherwise.
  line.options.tap = std::filesystem::path(argv[0]).parent_path() / "tap";
  CLI11_PARSE(app, argc, argv);
  if (line.list) {
    for (const Scenario& scenario : scenarios()) fmt::print("{:<12} {}\n", scenario.name, scenario.what);
    return 0;
  }
  try {
    return run(line);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
