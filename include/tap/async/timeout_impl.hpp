// SPDX-License-Identifier: MIT
#pragma once

// The body of with_timeout; included by timeout.hpp.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <utility>

namespace tap::async {

template <class T>
Task<Result<T>> with_timeout(Task<Result<T>> task, std::chrono::milliseconds limit) {
  namespace asio = boost::asio;
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  auto [order, failure, result, timer_error] =
      co_await asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(task), asio::deferred),
                                                       timer.async_wait(asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (!failure) co_return std::move(result);  // it may have ended in the very moment of its deadline
  if (!timer_error) co_return fail(Errc::timed_out);
  std::rethrow_exception(failure);
}

}  // namespace tap::async
