// SPDX-License-Identifier: MIT
#include "app/stop_signals.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <system_error>
#include <tuple>
#include <unistd.h>

namespace tap::app {
namespace {

namespace asio = boost::asio;

constexpr int kSignalled = 0;
constexpr int kCutShort = 1;

enum class Stage : std::uint8_t { starting, running, stopping };

// A handler knows nothing but globals. The descriptor is never closed: a handler may be about to write to it.
std::atomic<Stage> g_stage{Stage::starting};
std::atomic<int> g_wake{-1};
static_assert(std::atomic<Stage>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void on_stop_signal(int number) {
  Stage stage = Stage::running;
  if (!g_stage.compare_exchange_strong(stage, Stage::stopping)) {
    ::_exit(stage == Stage::starting ? kSignalled : kCutShort);
  }
  const int interrupted = errno;
  const auto wake = static_cast<eventfd_t>(number);
  std::ignore = ::write(g_wake, &wake, sizeof wake);
  errno = interrupted;
}

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

}  // namespace

StopSignals::StopSignals() {
  g_wake = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  struct sigaction action{};
  action.sa_handler = &on_stop_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT}) checked(::sigaction(signal, &action, nullptr), "sigaction");
}

Task<int> StopSignals::first() {
  asio::posix::stream_descriptor wake(co_await asio::this_coro::executor,
                                      checked(::fcntl(g_wake, F_DUPFD_CLOEXEC, 0), "fcntl"));
  struct End {
    ~End() { g_stage = Stage::stopping; }
  } end;
  g_stage = Stage::running;
  co_await wake.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  eventfd_t number = 0;
  ::eventfd_read(wake.native_handle(), &number);
  co_return static_cast<int>(number);
}

}  // namespace tap::app
