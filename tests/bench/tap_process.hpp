// SPDX-License-Identifier: MIT
#pragma once

#include "bench/database.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tap::bench {

/// What a process has used so far.
struct Usage {
  double cpu_seconds = 0;      ///< of all its threads, user and system
  std::uint64_t resident = 0;  ///< bytes of memory now
  std::uint64_t peak = 0;      ///< bytes of memory at most, since the start or reset_peak()
  std::uint64_t written = 0;   ///< bytes given to the disk
  // Of the database server, when there is one.
  double server_cpu_seconds = 0;  ///< of all its processes; 0 when it is on another machine
  std::uint64_t server_log = 0;   ///< bytes of its write-ahead log
};

/// The program under test: `tap run` as a child, with its log in the database's folder. Failures are thrown with the
/// end of that log. A child that was not stopped is killed at the end.
class TapProcess {
 public:
  /// Returns once it says that it has started.
  TapProcess(const std::filesystem::path& binary, const Database& database, std::vector<std::string> flags,
             std::size_t cores);
  ~TapProcess();
  TapProcess(const TapProcess&) = delete;
  TapProcess& operator=(const TapProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// From its start to its log line "startup complete".
  [[nodiscard]] double startup_seconds() const { return startup_seconds_; }
  [[nodiscard]] Usage usage() const;
  /// CPU seconds of its threads, by their name; those of one name together.
  [[nodiscard]] std::map<std::string, double> usage_by_thread() const;
  void reset_peak() const;
  /// Waits until background work (the fold above all) is over: at least `least`, then until it takes no CPU time.
  void settle(std::chrono::milliseconds least) const;
  /// As an operator stops it; throws unless it ends in time and without an error.
  void stop();
  /// The error lines of its log, at most the first three.
  [[nodiscard]] std::string errors() const;

 private:
  void spawn(const std::filesystem::path& binary, const std::vector<std::string>& arguments, std::size_t cores);
  void await_start();
  [[nodiscard]] std::optional<int> exit_status();
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path log_;
  pid_t pid_ = -1;
  clockid_t cpu_clock_{};
  std::uint16_t port_ = 0;
  double startup_seconds_ = 0;
};

}  // namespace tap::bench
