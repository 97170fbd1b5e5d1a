// SPDX-License-Identifier: MIT
#pragma once

#include "support/patience.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace tap::test {

/// How a child ended: by its own exit, or by a signal.
struct ExitStatus {
  int code = -1;  ///< unless `signal` is set
  int signal = 0;
  bool operator==(const ExitStatus&) const = default;
};
void PrintTo(const ExitStatus& status, std::ostream* out);

/// The program under test as a child process, with a working directory and an environment of its own. Nothing waits
/// longer than its limit: what does not come is thrown, with the end of the child's log. A child that is still there at
/// the end is killed. For one thread.
class TapProcess {
 public:
  struct Options {
    std::filesystem::path binary;
    std::filesystem::path folder;        ///< to work in
    std::vector<std::string> arguments;  ///< without the program's name
    std::map<std::string, std::string> environment = {};
  };
  explicit TapProcess(const Options& options);
  ~TapProcess();
  TapProcess(const TapProcess&) = delete;
  TapProcess& operator=(const TapProcess&) = delete;

  /// Waits until it says that it has started; gives the port that it listens on.
  std::uint16_t wait_for_start();
  /// Waits for a log line with this message, also one that is there already.
  nlohmann::json wait_for_line(const std::string& message);

  void signal(int number) const;
  [[nodiscard]] ExitStatus wait_for_exit(std::chrono::seconds limit = kPatience);
  /// Ends it at once (SIGKILL).
  void kill();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The lines of its standard output so far.
  [[nodiscard]] std::vector<std::string> lines() const;
  /// All of them, once it has closed it.
  [[nodiscard]] std::vector<std::string> all_lines();
  /// Its standard error so far.
  [[nodiscard]] std::string errors() const;

 private:
  void start(const Options& options, int output);
  void read_output(int from);
  void add_line(std::string line);
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path error_file_;
  pid_t pid_ = -1;
  int descriptor_ = -1;  // of the process: readable at its end
  std::optional<ExitStatus> status_;
  mutable std::mutex mutex_;  // guards what follows: the reader adds to it
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool output_ended_ = false;
  std::thread reader_;
};

}  // namespace tap::test
