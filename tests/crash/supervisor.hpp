// SPDX-License-Identifier: MIT
#pragma once

#include "crash/network.hpp"
#include "support/process/consumer.hpp"
#include "support/process/judge.hpp"
#include "support/process/tap_process.hpp"
#include "support/process/temporary_folder.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace tap::crash {

struct Options {
  std::string tap = {};           ///< the binary
  std::string database_url = {};  ///< empty: SQLite in the temporary folder
  std::uint64_t seed = 1;
  std::size_t kills = 10;
  std::size_t accounts = 12;
  std::size_t settle_every = 10;  ///< kills
};

/// Starts Tap, loads it, kills it, again and again. After each kill the database is held against its invariants; every
/// few kills, and at the end, everything has to arrive. Throws at the first broken promise.
class Supervisor {
 public:
  explicit Supervisor(Options options);
  ~Supervisor();
  void run();

 private:
  using Milliseconds = std::chrono::milliseconds;

  [[nodiscard]] std::string database_url() const;
  void launch();
  void start();
  void stop();
  void listen();
  void kill_once();
  void kill_while_it_starts();
  void kill_at_work();
  void check_database();

  void begin_load();
  void end_load();
  void load();
  void ask(const std::string& target, const std::string& did);

  void settle();
  void wait_for_everything();
  [[nodiscard]] std::string unsettled();
  void look_for_violations();
  void say(const std::string& what);

  Options options_;
  test::Dice dice_;
  test::Judge judge_;
  Network network_;
  test::TemporaryFolder folder_;
  std::optional<test::TapProcess> tap_;
  std::optional<test::Consumer> consumer_;
  std::atomic<std::uint16_t> port_ = 0;  ///< 0: nobody listens
  std::atomic<bool> is_loading_ = false;
  std::atomic<bool> is_giving_up_ = false;
  std::exception_ptr load_failure_;
  std::thread loader_;
  std::size_t kills_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace tap::crash
