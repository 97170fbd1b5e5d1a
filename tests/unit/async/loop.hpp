// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace tap::async::test {

/// Runs a coroutine, and all that it starts, to the end; its exception comes out here.
inline void run(boost::asio::io_context& loop, Task<void> task) {
  std::exception_ptr failure;
  boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error) { failure = std::move(error); });
  loop.run();
  loop.restart();
  if (failure) std::rethrow_exception(failure);
}

/// Lets everything that is ready run first.
inline Task<void> settle() {
  for (int i = 0; i < 10; ++i) {
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
  }
}

}  // namespace tap::async::test
