// SPDX-License-Identifier: MIT
#include "bench/tap_process.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace tap::bench {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
constexpr auto kStartLimit = 120s;
constexpr auto kStopLimit = 60s;
constexpr auto kSettleLimit = 60s;
constexpr std::size_t kLogTail = 15;

/// The number behind `name` in a file of /proc, 0 when it is not there.
std::uint64_t proc_number(pid_t pid, const char* file, const std::string& name) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size(), nullptr, 10);
  }
  return 0;
}

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

}  // namespace

TapProcess::TapProcess(const std::filesystem::path& binary, const Database& database, std::vector<std::string> flags,
                       std::size_t cores)
    : log_(database.log()) {
  std::vector<std::string> arguments = {binary.string(), "run",         "--db-url",   database.url(),
                                        "--bind",        "127.0.0.1:0", "--temp-dir", database.temporary_files()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const auto begin = SteadyClock::now();
  spawn(binary, arguments, cores);
  await_start();
  startup_seconds_ = seconds_since(begin);
}

TapProcess::~TapProcess() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void TapProcess::spawn(const std::filesystem::path& binary, const std::vector<std::string>& arguments,
                       std::size_t cores) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  for (std::size_t core = 0; core < cores; ++core) CPU_SET(core, &allowed);
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0) throw std::system_error(errno, std::generic_category(), log_.string());
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cores > 0) ::sched_setaffinity(0, sizeof allowed, &allowed);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(binary.c_str(), pointers.data());
    ::_exit(127);
  }
  ::close(log);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  ::clock_getcpuclockid(pid_, &cpu_clock_);
}

void TapProcess::await_start() {
  std::ifstream log(log_);
  std::string line;
  for (const auto deadline = SteadyClock::now() + kStartLimit; SteadyClock::now() < deadline;) {
    char c = 0;
    while (log.get(c)) {
      if (c != '\n') {
        line += c;
        continue;
      }
      const std::size_t port = line.find("\"port\":");
      if (line.find("\"startup complete\"") != std::string::npos && port != std::string::npos) {
        port_ = static_cast<std::uint16_t>(std::stoul(line.substr(port + 7)));
        return;
      }
      line.clear();
    }
    log.clear();
    if (exit_status()) fail("tap ended before it had started");
    std::this_thread::sleep_for(1ms);
  }
  fail("tap did not start in time");
}

Usage TapProcess::usage() const {
  timespec cpu{};
  ::clock_gettime(cpu_clock_, &cpu);
  return {.cpu_seconds = static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9,
          .resident = proc_number(pid_, "status", "VmRSS:") << 10,
          .peak = proc_number(pid_, "status", "VmHWM:") << 10,
          .written = proc_number(pid_, "io", "write_bytes:")};
}

std::map<std::string, double> TapProcess::usage_by_thread() const {
  std::map<std::string, double> seconds;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
    std::string name;
    std::uint64_t nanoseconds = 0;
    std::ifstream(thread.path() / "comm") >> name;
    std::ifstream(thread.path() / "schedstat") >> nanoseconds;  // 0 when it has just ended
    seconds[name] += static_cast<double>(nanoseconds) * 1e-9;
  }
  return seconds;
}

void TapProcess::reset_peak() const { std::ofstream("/proc/" + std::to_string(pid_) + "/clear_refs") << "5"; }

void TapProcess::settle(std::chrono::milliseconds least) const {
  constexpr auto kPause = 250ms;
  constexpr double kIdle = 0.004;  // seconds of CPU in a pause
  const auto begin = SteadyClock::now();
  for (double before = usage().cpu_seconds; SteadyClock::now() - begin < kSettleLimit;) {
    std::this_thread::sleep_for(kPause);
    const double now = usage().cpu_seconds;
    if (now - before < kIdle && SteadyClock::now() - begin >= least) return;
    before = now;
  }
}

void TapProcess::stop() {
  ::kill(pid_, SIGTERM);
  for (const auto deadline = SteadyClock::now() + kStopLimit; SteadyClock::now() < deadline;) {
    if (const auto status = exit_status()) {
      if (*status != 0) fail("tap ended with wait status " + std::to_string(*status));
      return;
    }
    std::this_thread::sleep_for(2ms);
  }
  fail("tap did not stop in time");
}

std::optional<int> TapProcess::exit_status() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return status;
}

std::string TapProcess::errors() const {
  std::string found;
  std::ifstream lines(log_);
  int count = 0;
  for (std::string line; count < 3 && std::getline(lines, line);) {
    if (line.find("\"level\":\"ERROR\"") == std::string::npos) continue;
    found += "\n  " + line;
    ++count;
  }
  return found;
}

void TapProcess::fail(const std::string& what) const {
  std::deque<std::string> tail;
  std::ifstream lines(log_);
  for (std::string line; std::getline(lines, line);) {
    tail.push_back(std::move(line));
    if (tail.size() > kLogTail) tail.pop_front();
  }
  std::string text = what + "; the end of its log:";
  for (const std::string& line : tail) text += "\n  " + line;
  throw std::runtime_error(text);
}

}  // namespace tap::bench
