// SPDX-License-Identifier: MIT
#include "support/process/tap_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tap::test {
namespace {

constexpr std::size_t kLogTail = 25;
constexpr int kNotStarted = 127;

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// Pointers to the texts, as exec wants them.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What sanitizers and coverage need is inherited; nothing else.
std::vector<std::string> environment_of(const TapProcess::Options& options) {
  std::map<std::string, std::string> all = options.environment;
  for (const char* name : {"PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"}) {
    if (const char* value = std::getenv(name)) all.emplace(name, value);
  }
  std::vector<std::string> texts;
  for (const auto& [name, value] : all) texts.push_back(name + "=" + value);
  return texts;
}

}  // namespace

void PrintTo(const ExitStatus& status, std::ostream* out) {
  *out << (status.signal != 0 ? "signal " : "exit ") << (status.signal != 0 ? status.signal : status.code);
}

TapProcess::TapProcess(const Options& options) : error_file_(options.folder / "stderr.txt") {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
  start(options, pipe[1]);
  ::close(pipe[1]);
  reader_ = std::thread([this, from = pipe[0]] { read_output(from); });
}

TapProcess::~TapProcess() {
  kill();
  reader_.join();
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TapProcess::start(const Options& options, int output) {
  std::vector<std::string> arguments = options.arguments;
  arguments.insert(arguments.begin(), options.binary.string());
  std::vector<std::string> environment = environment_of(options);
  // Between fork and exec nothing may allocate.
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(environment);
  const int errors = ::open(error_file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (errors < 0) throw_errno(error_file_.c_str());
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    // The sockets of the fake servers, above all: what they close must be closed.
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    if (::chdir(options.folder.c_str()) == 0) {
      ::execve(options.binary.c_str(), argument_pointers.data(), environment_pointers.data());
    }
    ::_exit(kNotStarted);
  }
  ::close(errors);
  if (pid_ < 0) throw_errno("fork");
  descriptor_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));  // glibc 2.36 forgets the extern "C" of its own
  if (descriptor_ < 0) throw_errno("pidfd_open");
}

void TapProcess::read_output(int from) {
  std::array<char, 65'536> piece;
  std::string rest;
  for (;;) {
    const auto size = ::read(from, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    rest.append(piece.data(), static_cast<std::size_t>(size));
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      add_line(rest.substr(begin, end - begin));
      begin = end + 1;
    }
    rest.erase(0, begin);
  }
  ::close(from);
  const std::lock_guard lock(mutex_);
  output_ended_ = true;
  changed_.notify_all();
}

void TapProcess::add_line(std::string line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
  changed_.notify_all();
}

std::uint16_t TapProcess::wait_for_start() { return wait_for_line("startup complete").at("port").get<std::uint16_t>(); }

nlohmann::json TapProcess::wait_for_line(const std::string& message) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  for (std::size_t next = 0;;) {
    for (; next < lines_.size(); ++next) {
      auto line = nlohmann::json::parse(lines_[next], nullptr, false);
      if (line.is_object() && line.value("msg", "") == message) return line;
    }
    if (output_ended_ || changed_.wait_until(lock, deadline) == std::cv_status::timeout) break;
  }
  lock.unlock();
  fail("no log line \"" + message + "\"");
}

void TapProcess::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

ExitStatus TapProcess::wait_for_exit(std::chrono::seconds limit) {
  if (status_) return *status_;
  pollfd wait{descriptor_, POLLIN, 0};
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
  if (::poll(&wait, 1, static_cast<int>(milliseconds.count())) <= 0) fail("tap did not end in time");
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) throw_errno("waitpid");
  status_ = WIFEXITED(status) ? ExitStatus{WEXITSTATUS(status), 0} : ExitStatus{-1, WTERMSIG(status)};
  return *status_;
}

void TapProcess::kill() {
  signal(SIGKILL);
  (void)wait_for_exit();
}

std::vector<std::string> TapProcess::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

std::vector<std::string> TapProcess::all_lines() {
  std::unique_lock lock(mutex_);
  const bool ended = changed_.wait_for(lock, kPatience, [this] { return output_ended_; });
  if (ended) return lines_;
  lock.unlock();
  fail("tap keeps its standard output open");
}

std::string TapProcess::errors() const {
  std::ifstream file(error_file_, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void TapProcess::fail(const std::string& what) const {
  std::string text = what + "; its standard error: " + errors() + "; the end of its log:";
  const auto all = lines();
  for (std::size_t i = all.size() - std::min(all.size(), kLogTail); i < all.size(); ++i) text += "\n  " + all[i];
  throw std::runtime_error(text);
}

}  // namespace tap::test
