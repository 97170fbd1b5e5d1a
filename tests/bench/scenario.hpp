// SPDX-License-Identifier: MIT
#pragma once

#include "bench/api.hpp"
#include "bench/consumer.hpp"
#include "bench/database.hpp"
#include "bench/network.hpp"
#include "bench/report.hpp"
#include "bench/tap_process.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tap::test {
class PostgresServer;
}

namespace tap::bench {

/// What the command line asks for; a scale of 0 is each scenario's own.
struct Options {
  std::filesystem::path tap;
  std::filesystem::path folder = std::filesystem::temp_directory_path();
  std::string server;  ///< the URL of a PostgreSQL database to make schemas in; empty: SQLite in `folder`
  test::PostgresServer* own_server = nullptr;  ///< that one, when it is the benchmark's own
  std::size_t accounts = 0;
  std::size_t records = 0;
  std::size_t events = 0;
  std::size_t megabytes = 0;
  std::size_t cores = 0;  ///< that Tap may use, the first ones; 0: all
  bool smoke = false;     ///< tiny numbers, and no waiting for background work: only exactness is of interest
};

/// What a scenario is given.
struct Run {
  const Options& options;
  double verification;  ///< seconds: the S of the bars
  Report& report;

  [[nodiscard]] std::size_t scale(std::size_t asked, std::size_t normal, std::size_t tiny) const {
    return asked != 0 ? asked : options.smoke ? tiny : normal;
  }
  /// Every database has bars of its own.
  [[nodiscard]] std::optional<Bar> bar(std::optional<Bar> sqlite, std::optional<Bar> postgres) const {
    return options.server.empty() ? sqlite : postgres;
  }
  /// Reports what a server did between the two for each of so many, `each` being "a commit"; nothing without a server.
  void add_server(const Usage& before, const Usage& after, double count, const std::string& each) const;
  /// The same of what Tap wrote, with its bar on SQLite and the original's figure.
  void add_written(const Usage& before, const Usage& after, double count, const std::string& each,
                   std::optional<Bar> most = {}, const std::string& original = {}) const;
};

/// A Tap that follows a network, and its consumer. Whatever does not come in time or is not exact is thrown.
class Stage {
 public:
  /// Tap gets these flags besides what the network wants.
  Stage(const Run& run, const Database& database, const Network& network, const std::vector<std::string>& flags = {});

  [[nodiscard]] TapProcess& tap() { return tap_; }
  [[nodiscard]] Api& api() { return api_; }
  /// Of Tap and, where there is one, of the database server.
  [[nodiscard]] Usage usage() const;
  [[nodiscard]] const Consumer& consumer() const { return *consumer_; }
  void attach_consumer(bool timed = false) { consumer_.emplace(tap_.port(), timed); }
  void detach_consumer() { consumer_.reset(); }

  /// Waits until the consumer has got exactly these live events and, besides, nothing but what it had before.
  Tally await_live(const Expected& expected);
  /// The same for a backfill with an identity event for each of `repos`.
  Tally await_backfill(const Expected& expected, std::size_t repos);
  /// Tracks these, and waits until all of their backfill is acked, they are active, and Tap is at rest.
  void onboard(const std::vector<std::string>& dids, const Expected& expected);
  /// Waits until every event is acked and background work is done.
  void settle();
  /// Ends Tap in order; shows what it has logged as errors.
  void finish();

 private:
  template <class Done>
  Tally await(const std::string& what, Done done);

  const Run& run_;
  const Database& database_;
  TapProcess tap_;
  Api api_;
  std::optional<Consumer> consumer_;
};

[[nodiscard]] inline double seconds_between(std::chrono::steady_clock::time_point begin,
                                            std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// Of values that are sorted; `part` is 0.5 for the one in the middle.
[[nodiscard]] inline double percentile(const std::vector<double>& sorted, double part) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
}

struct Scenario {
  std::string_view name, what;
  void (*run)(const Run& run);
};
[[nodiscard]] const std::vector<Scenario>& scenarios();

// In the files named after their subject.
void run_live(const Run& run);
void run_live_fixed(const Run& run);
void run_untracked(const Run& run);
void run_drain(const Run& run);
void run_growth(const Run& run);
void run_backfill(const Run& run);
void run_onboarding(const Run& run);
void run_big_car(const Run& run);
void run_hostile(const Run& run);
void run_outage(const Run& run);
void run_rest(const Run& run);
void run_pure(const Run& run);

}  // namespace tap::bench
