// SPDX-License-Identifier: MIT
#include "support/net/server_thread.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

namespace tap::test {

ServerThread::ServerThread() : thread_([this] { context_.run(); }) {}

void ServerThread::stop() {
  if (!thread_.joinable()) return;
  call([this] { tasks_->cancel(); });
  boost::asio::co_spawn(context_, [this] { return tasks_->join(); }, boost::asio::use_future).wait();
  work_.reset();
  context_.stop();
  thread_.join();
}

bool ServerThread::wait_until(std::function<bool()> condition, std::chrono::milliseconds limit) {
  const auto waiter = call([&] { return waiters_.insert(waiters_.end(), Waiter{std::move(condition), {}}); });
  auto fulfilled = waiter->fulfilled.get_future();
  call([this] { changed(); });
  const bool held = fulfilled.wait_for(limit) == std::future_status::ready;
  call([&] { waiters_.erase(waiter); });
  return held;
}

void ServerThread::changed() {
  for (Waiter& waiter : waiters_) {
    if (!waiter.condition || !waiter.condition()) continue;
    waiter.condition = nullptr;
    waiter.fulfilled.set_value();
  }
}

}  // namespace tap::test
