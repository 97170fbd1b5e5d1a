// SPDX-License-Identifier: MIT
#include "bench/database.hpp"

#include "support/postgres_server.hpp"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <unistd.h>

namespace tap::bench {
namespace {

/// A line of /proc/<pid>/stat, in ticks of the clock.
struct ProcessTimes {
  pid_t parent = 0;
  std::uint64_t own = 0;
  std::uint64_t of_past_children = 0;
};

std::optional<ProcessTimes> times_of(const std::filesystem::path& process) {
  std::ifstream file(process / "stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;  // it has ended
  // The name, in parentheses, may hold anything.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  ProcessTimes times;
  fields >> skipped >> times.parent;
  for (int i = 0; i < 9; ++i) fields >> skipped;
  std::uint64_t user = 0, system = 0, user_of_children = 0, system_of_children = 0;
  fields >> user >> system >> user_of_children >> system_of_children;
  times.own = user + system;
  times.of_past_children = user_of_children + system_of_children;
  return times;
}

/// The URL with another search path.
std::string in_schema(std::string url, const std::string& schema) {
  constexpr std::string_view kOptions = "options=";
  const std::string setting = "-csearch_path%3D" + schema;
  if (const std::size_t options = url.find(kOptions); options != std::string::npos) {
    return url.insert(options + kOptions.size(), setting + "%20");
  }
  return url + (url.find('?') == std::string::npos ? "?" : "&") + "options=" + setting;
}

}  // namespace

Database::Database(const std::filesystem::path& base, const std::string& server) : folder_(base), server_(server) {
  if (server_.empty()) {
    std::filesystem::create_directory(folder_.path() / "db");
    url_ = "sqlite://" + (folder_.path() / "db" / "tap.db").string();
    return;
  }
  static std::atomic<int> next{0};
  const std::string schema = fmt::format("tap_bench_{}_{}", ::getpid(), next++);
  test::run_sql(server_, "CREATE SCHEMA " + schema);
  schema_ = schema;  // from here on it is ours to drop
  url_ = in_schema(server_, schema_);
  if (ask("SELECT CASE WHEN coalesce(inet_server_addr() << '127.0.0.0/8', true) THEN 1 ELSE 0 END") == 1) {
    const std::string child =
        test::run_sql(server_, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
    // Empty for a role that may not see it.
    if (!child.empty()) postmaster_ = times_of("/proc/" + child).value_or(ProcessTimes()).parent;
  }
}

Database::~Database() {
  try {
    if (!schema_.empty()) test::run_sql(server_, "DROP SCHEMA " + schema_ + " CASCADE");
  } catch (const std::exception& error) {
    fmt::print(stderr, "schema {} stays: {}\n", schema_, error.what());
  }
}

std::uint64_t Database::bytes() const {
  if (!server_.empty()) {
    return ask(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r' AND "
        "relnamespace = '" +
        schema_ + "'::regnamespace");
  }
  std::uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder_.path() / "db")) bytes += file.file_size();
  return bytes;
}

double Database::server_cpu_seconds() const {
  if (postmaster_ == 0) return 0;
  std::uint64_t ticks = 0;
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    const std::string name = process.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto times = times_of(process.path());
    if (!times) continue;
    if (name == std::to_string(postmaster_)) ticks += times->own + times->of_past_children;
    if (times->parent == postmaster_) ticks += times->own + times->of_past_children;
  }
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t Database::server_log_bytes() const {
  return server_.empty() ? 0 : ask("SELECT pg_current_wal_insert_lsn() - '0/0'");
}

std::uint64_t Database::ask(const std::string& query) const { return std::stoull(test::run_sql(server_, query)); }

}  // namespace tap::bench
