// SPDX-License-Identifier: MIT
#include "tap/async/event.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>

namespace tap::async {
namespace {

namespace asio = boost::asio;

}  // namespace

void Event::notify_all() {
  for (Waiter& waiter : waiters_) {
    waiter.notified = true;
    waiter.timer.cancel();
  }
}

void Event::notify_one() {
  const auto waiter = std::ranges::find(waiters_, false, &Waiter::notified);
  if (waiter == waiters_.end()) return;
  waiter->notified = true;
  waiter->timer.cancel();
}

Task<bool> Event::wait_until(asio::steady_timer::time_point deadline) {
  const auto waiter = waiters_.insert(waiters_.end(), {asio::steady_timer(executor_, deadline)});
  struct Leave {
    Event& event;
    std::list<Waiter>::iterator waiter;
    bool taken = false;  // whatever the notification was for is in hand
    ~Leave() {
      const bool pass_on = waiter->notified && !taken;
      event.waiters_.erase(waiter);
      if (pass_on) event.notify_one();
    }
  } leave{*this, waiter};
  co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  // A notification and a cancellation both end the timer early: only the state tells them apart.
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
  leave.taken = true;
  co_return waiter->notified;
}

Task<void> Event::wait() { co_await wait_until(asio::steady_timer::time_point::max()); }

Task<bool> Event::wait_for(std::chrono::milliseconds duration) {
  return wait_until(asio::steady_timer::clock_type::now() + duration);
}

Task<void> sleep_for(std::chrono::milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace tap::async
