// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <libpq-fe.h>
#include <optional>
#include <pwd.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tap::test {

/// Runs SQL on a connection of its own; the first value of its last answer.
inline std::string run_sql(const std::string& url, const std::string& statements) {
  PGconn* connection = PQconnectdb(url.c_str());
  PQsetNoticeReceiver(connection, [](void*, const PGresult*) {}, nullptr);
  PGresult* answer = PQexec(connection, statements.c_str());
  const ExecStatusType status = PQresultStatus(answer);
  const std::string error = PQerrorMessage(connection);
  const std::string value = status == PGRES_TUPLES_OK && PQntuples(answer) > 0 ? PQgetvalue(answer, 0, 0) : "";
  PQclear(answer);
  PQfinish(connection);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw std::runtime_error(error);
  return value;
}

/// A PostgreSQL server of its own: a temporary folder, a socket in it, no TCP. It dies with the process. Run by root,
/// it is the user postgres', because it refuses root. All of them are for one thread.
class PostgresServer {
 public:
  /// Why there can be none here; empty when there can.
  static std::string missing() {
    if (!std::filesystem::exists(binary("postgres"))) return "no server at " + binary("postgres");
    if (::geteuid() == 0 && ::getpwnam("postgres") == nullptr) return "PostgreSQL refuses root, and no user postgres";
    return {};
  }

  /// `options` are those of postgres itself; without others it is quick, but its data do not survive a power cut.
  explicit PostgresServer(std::vector<std::string> options = {"-F"},
                          const std::filesystem::path& base = std::filesystem::temp_directory_path())
      : PostgresServer(base, std::move(options)) {
    make({binary("initdb"), "-D", data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
          "--no-instructions"});
  }
  /// A hot standby, with the same options: a copy of what the primary holds, which streams from it until it is
  /// promoted.
  struct StandbyOf {
    const PostgresServer& primary;
  };
  explicit PostgresServer(StandbyOf of) : PostgresServer(of.primary.folder_.parent_path(), of.primary.options_) {
    make({binary("pg_basebackup"), "-D", data(), "-d", of.primary.url(), "--write-recovery-conf", "--checkpoint=fast",
          "--no-sync"});
  }
  ~PostgresServer() {
    if (process_ > 0) stop();
    std::filesystem::remove_all(folder_);
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void start() {
    std::vector<std::string> command = {binary("postgres"), "-D", data(), "-k", folder_.string(), "-c",
                                        "listen_addresses="};
    command.insert(command.end(), options_.begin(), options_.end());
    process_ = start_process(command);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (PQping(url().c_str()) != PQPING_OK) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the PostgreSQL server does not start");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // it tells nobody when it is ready
      // Behind a SIGKILL it refuses to start as long as there are processes of its former self.
      if (::waitpid(process_, nullptr, WNOHANG) == process_) process_ = start_process(command);
    }
  }
  /// By default as if the machine's power had gone, but for what the kernel has; SIGINT is an operator's restart.
  void stop(int signal = SIGQUIT) {
    ::kill(process_, signal);
    go_on();  // what hangs hears nothing
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
  }

  /// It stands still with all its connections, as on a machine that hangs, until go_on().
  void hang() const {
    ::kill(process_, SIGSTOP);  // from here on it has no new children
    signal_all(SIGSTOP);
  }
  void go_on() const { signal_all(SIGCONT); }

  /// What a URL names as its host.
  [[nodiscard]] std::string host() const { return folder_.string(); }
  /// Of the superuser, or of another role; `options` as a URL has them, for instance "&options=-csearch_path%3Ds1".
  [[nodiscard]] std::string url(const std::string& options = {}, const std::string& role = "postgres") const {
    return "postgresql:///postgres?host=" + host() + "&user=" + role + options;
  }
  [[nodiscard]] std::string schema_url(const std::string& schema) const {
    return url("&options=-csearch_path%3D" + schema);
  }
  /// Runs SQL as the superuser; the first value of its last answer.
  std::string sql(const std::string& statements) const { return run_sql(url(), statements); }

 private:
  PostgresServer(const std::filesystem::path& base, std::vector<std::string> options)
      : folder_(base / ("tap-pg-" + std::to_string(::getpid()) + "-" + std::to_string(made_++))),
        options_(std::move(options)) {
    std::filesystem::create_directory(folder_);
    if (const passwd* user = owner(); user != nullptr && ::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("chown of " + folder_.string());
    }
  }
  /// Has its data made by this command, and starts it.
  void make(const std::vector<std::string>& command) {
    int status = 0;
    ::waitpid(start_process(command), &status, 0);
    if (status != 0) throw std::runtime_error(command.front() + " failed, see " + (folder_ / "log").string());
    start();
  }
  static std::string binary(const std::string& name) { return "/usr/lib/postgresql/15/bin/" + name; }
  static const passwd* owner() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }
  [[nodiscard]] std::string data() const { return (folder_ / "data").string(); }

  void signal_all(int signal) const {
    const std::string process = std::to_string(process_);
    std::ifstream children("/proc/" + process + "/task/" + process + "/children");
    for (pid_t child = 0; children >> child;) ::kill(child, signal);
    ::kill(process_, signal);
  }
  /// It is sent SIGQUIT when this process dies, however that happens.
  [[nodiscard]] pid_t start_process(const std::vector<std::string>& command) const {
    std::vector<std::string> words = {"setpriv", "--pdeathsig", "QUIT"};
    if (owner() != nullptr) words.insert(words.end(), {"--reuid=postgres", "--regid=postgres", "--init-groups"});
    words.insert(words.end(), command.begin(), command.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string log = (folder_ / "log").string();
    const pid_t child = ::fork();
    if (child == 0) {
      if (std::freopen(log.c_str(), "a", stdout) == nullptr || ::dup2(STDOUT_FILENO, STDERR_FILENO) < 0) ::_exit(127);
      if (::chdir("/") != 0) ::_exit(127);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    return child;
  }

  static inline int made_ = 0;  // by this program
  std::filesystem::path folder_;
  std::vector<std::string> options_;
  pid_t process_ = 0;
};

/// The one of this test program, started when it is first asked for.
inline PostgresServer& postgres_server() {
  static PostgresServer server;
  return server;
}

}  // namespace tap::test
