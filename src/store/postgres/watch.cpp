// SPDX-License-Identifier: MIT
#include "store/postgres/watch.hpp"

#include "tap/base/thread.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace tap::store::postgres {
namespace {

constexpr std::chrono::milliseconds kMoment{100};

SteadyTime now() { return std::chrono::steady_clock::now(); }

int copy_of(int socket) {
  const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "a socket cannot be watched");
  return copy;
}

}  // namespace

Watch::Watch(int socket, Waiting waiting, std::function<bool()> is_there)
    : socket_(copy_of(socket)),
      waiting_(waiting),
      is_there_(std::move(is_there)),
      patience_(waiting.silence, now()),
      thread_([this] {
        name_this_thread("tap-db-watch");
        run();
      }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  ::close(socket_);
}

Watch::Wait Watch::begin() {
  const std::lock_guard lock(mutex_);
  is_waiting_ = true;
  ++waits_;
  patience_ = Patience(waiting_.silence, now());
  if (is_asleep_) changed_.notify_one();
  return Wait(this);
}

void Watch::end() {
  const std::lock_guard lock(mutex_);
  is_waiting_ = false;
}

void Watch::run() {
  std::unique_lock lock(mutex_);
  std::uint64_t seen = 0;
  while (!is_ending_) {
    // Most waits are shorter than a moment: they do not wake anybody.
    is_asleep_ = seen == waits_ && !is_waiting_;
    if (is_asleep_) changed_.wait(lock, [&] { return is_ending_ || seen != waits_; });
    is_asleep_ = false;
    seen = waits_;
    changed_.wait_for(lock, kMoment, [this] { return is_ending_; });
    if (is_waiting_) look(lock);
  }
}

void Watch::look(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t wait = waits_;
  const auto verdict = patience_.judge(now(), waiting_.ending != nullptr && *waiting_.ending);
  if (verdict == Patience::Verdict::wait) return;
  if (verdict == Patience::Verdict::ask) {
    lock.unlock();
    const bool is_there = is_there_();
    lock.lock();
    if (is_there || !is_waiting_ || waits_ != wait) return;
  }
  has_given_up_ = true;
  ::shutdown(socket_, SHUT_RDWR);
}

}  // namespace tap::store::postgres
