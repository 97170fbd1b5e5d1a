// SPDX-License-Identifier: MIT
#pragma once

#include "faults/crowd.hpp"
#include "faults/population.hpp"
#include "faults/stream.hpp"
#include "faults/tally.hpp"
#include "faults/witness.hpp"
#include "support/process/consumer.hpp"
#include "support/process/judge.hpp"
#include "support/process/tap_process.hpp"
#include "support/process/temporary_folder.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tap::faults {

struct Options {
  std::string tap = {};           ///< the binary
  std::string database_url = {};  ///< empty: SQLite in the temporary folder
  std::uint64_t seed = 1;
  std::chrono::milliseconds length{60'000};
  std::chrono::seconds round{120};    ///< of faults, between two times of calm
  std::chrono::seconds patience{60};  ///< within which everything has to be right again in a calm
  std::size_t honest = 200;           ///< accounts
};

/// Tap in a world of faults, in rounds: faults at full rate, then calm, in which everything of the honest accounts has
/// to arrive and of each dishonest one Tap has to say what is wrong. Throws at the first broken promise.
class Run {
 public:
  explicit Run(Options options);
  void run();

 private:
  using SteadyClock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  [[nodiscard]] std::string database_url() const;
  void start();
  void listen();
  void rage(std::chrono::milliseconds length);
  void open_doors();
  void act();
  void disturb();
  void restart();
  void look_after();
  void try_a_liar_again();
  void converge();
  [[nodiscard]] std::string unsettled();
  [[nodiscard]] std::string unsettled(const Member& member);
  void settle();
  void begin_anew(const std::string& did);
  void stop();

  void ask(const std::string& target, const std::vector<std::string>& dids);
  [[nodiscard]] nlohmann::json get(const std::string& target);
  void look_for_violations();
  void report();
  void tell_faults() const;
  void tell_the_end() const;

  Options options_;
  const std::chrono::milliseconds round_;          // of faults, at most
  const bool is_short_;                            // too short for Tap to see a connection as healthy
  const std::chrono::milliseconds longest_peace_;  // between two disturbances
  Tally faults_;
  test::Judge judge_{test::Judge::Consumers::several};
  Population population_;
  Stream stream_;
  Witness witness_;
  test::TemporaryFolder folder_;
  std::optional<test::TapProcess> tap_;
  std::optional<test::Consumer> consumer_;
  std::uint16_t port_ = 0;
  SteadyClock::time_point begin_ = SteadyClock::now();
  SteadyClock::time_point next_look_{}, next_disturbance_{};
  std::uint64_t rounds_ = 0, peaces_ = 0, tries_ = 0;
  unsigned since_restart_ = 0;  // disturbances
  bool is_busy_ = false;        // Tap or its consumers are behind
  std::string last_left_;       // who was waited for last, and why
  std::set<std::string> done_;  // DIDs that are right, or explained, in this calm
  std::vector<std::uint64_t> memory_;
  std::vector<Seconds> convergences_;
  std::uint64_t consumers_ = 0;
  std::uint64_t guests_ = 0;
  std::optional<Crowd> crowd_;  // last: it uses the others
};

}  // namespace tap::faults
