// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tap::app {

/// The settings of `tap run` (protocol 11.8). The initial values are the defaults.
struct Config {
  std::string env = "dev";
  std::string db_url = "sqlite://./tap.db";
  std::int64_t max_db_conn = 32;
  std::string bind = ":2480";
  std::string plc_url = "https://plc.directory";
  std::string relay_url = "https://relay1.us-east.bsky.network";
  std::int64_t firehose_parallelism = 10;
  std::int64_t resync_parallelism = 5;
  std::int64_t outbox_parallelism = 1;
  std::chrono::nanoseconds cursor_save_interval = std::chrono::seconds(1);
  bool no_replay = false;
  std::chrono::nanoseconds repo_fetch_timeout = std::chrono::seconds(300);
  std::int64_t repo_max_bytes = std::int64_t{1} << 30;
  std::string temp_dir;
  std::int64_t ident_cache_size = 2'000'000;
  std::int64_t outbox_capacity = 100'000;
  std::string webhook_url;
  bool disable_acks = false;
  std::vector<std::string> collection_filters;
  bool full_network = false;
  std::vector<std::string> signal_collection;
  bool outbox_only = false;
  std::string admin_password;
  std::chrono::nanoseconds retry_timeout = std::chrono::seconds(60);
  std::int64_t max_attempts = 0;
  bool allow_private_hosts = false;
  std::string log_level = "info";
  std::string metrics_listen;
};

/// One setting: the single place from which flags, environment, help and documentation come.
struct Option {
  using Target = std::variant<std::string Config::*, std::int64_t Config::*, std::chrono::nanoseconds Config::*,
                              bool Config::*, std::vector<std::string> Config::*>;

  std::string_view flag;                      ///< without dashes
  std::vector<std::string_view> environment;  ///< the first one set counts
  Target target;
  std::string_view help;
  std::int64_t least = 0;                ///< of integers; of durations in nanoseconds
  std::int64_t most = 0x7fff'ffff'ffff;  ///< of integers

  [[nodiscard]] bool is_switch() const { return std::holds_alternative<bool Config::*>(target); }
  /// "TEXT", "INT", "DURATION", "BOOL" or "LIST".
  [[nodiscard]] std::string_view type() const;
  /// The default as one would write it; empty for an empty text or list.
  [[nodiscard]] std::string fallback() const;
  /// The values that are taken, as "1 to 1000" or "1ms or more"; empty where the type says it all.
  [[nodiscard]] std::string range() const;
};
[[nodiscard]] std::span<const Option> options();

using Environment = std::map<std::string, std::string>;

/// What the command line asks for: run with `config`, check the database of `config.db_url`, or print and exit.
struct Invocation {
  bool run = false;
  bool check = false;
  Config config{};
  int status = 0;       ///< to exit with, unless `run` or `check`
  std::string out{};    ///< for standard output
  std::string error{};  ///< for standard error
};

/// `arguments` without the program's name. A flag wins over the environment, that over the default; when a flag is
/// given, its variable is not even parsed (protocol 11.7, 11.8). Pure.
[[nodiscard]] Invocation read_command_line(std::vector<std::string> arguments, const Environment& environment);

/// Adds the variables of a `.env` file that the environment does not set: `export`, quotes, comments and CRLF are
/// understood. Gives the numbers of lines that are none of it.
std::vector<std::size_t> add_dotenv(std::string_view text, Environment& environment);

/// What must hold beyond each setting's own type; the first violation as one line that names flag and variable, or
/// empty.
[[nodiscard]] std::string validate(const Config& config);

/// Which setting implies that hosts in private networks may be asked: where the operator's own relay or directory is on
/// this machine, other hosts of the network are as well. Empty when none does.
[[nodiscard]] std::string_view implies_private_hosts(const Config& config);

/// Settings that another one leaves without effect, a line for each that names flag and variable. The original takes
/// them in silence, so they do not keep anybody from starting.
[[nodiscard]] std::vector<std::string> without_effect(const Config& config);

}  // namespace tap::app
