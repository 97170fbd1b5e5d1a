// SPDX-License-Identifier: MIT
#include "store/postgres/vacuum.hpp"

#include "tap/base/log.hpp"
#include "tap/base/thread.hpp"

#include "store/postgres/connection.hpp"

namespace tap::store::postgres {
namespace {

constexpr log::Logger kLog("store");
constexpr std::uint64_t kMany = std::uint64_t{64} << 20;
constexpr std::uint64_t kFew = std::uint64_t{1} << 20;

}  // namespace

Vacuum::Vacuum(std::string url, Waiting waiting)
    : url_(std::move(url)), waiting_(waiting), thread_([this] {
        name_this_thread("tap-vacuum");
        run();
      }) {}

Vacuum::~Vacuum() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Vacuum::add(std::uint64_t bytes) {
  if (bytes == 0) return;
  {
    const std::lock_guard lock(mutex_);
    deleted_ += bytes;
  }
  begin_above(kMany);
}

bool Vacuum::idle() { return begin_above(kFew); }

bool Vacuum::begin_above(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (deleted_ < bytes || wanted_) return false;
  wanted_ = true;
  changed_.notify_one();
  return true;
}

void Vacuum::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    deleted_ = 0;
    wanted_ = false;  // what is deleted meanwhile may want another one
    lock.unlock();
    // The server's own vacuum comes sooner or later.
    if (auto done = clean(); !done) kLog.warn("could not vacuum the journal", {{"error", done.error().message()}});
    lock.lock();
  }
}

Result<void> Vacuum::clean() const {
  auto connection = Connection::open(url_, "tap vacuum", waiting_);
  if (!connection) return std::unexpected(connection.error());
  // Who wants to end waits for it.
  auto done = connection->script("SET lock_timeout = '2s'; SET statement_timeout = '10s'");
  return done ? connection->script("VACUUM journal, journal_acks, journal_changes") : done;
}

}  // namespace tap::store::postgres
