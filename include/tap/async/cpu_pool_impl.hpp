// SPDX-License-Identifier: MIT
#pragma once

// The body of CpuPool::run; included by cpu_pool.hpp.

#include <boost/asio/async_result.hpp>

#include <optional>

namespace tap::async {

template <class F>
auto CpuPool::run(F job) -> Task<decltype(job())> {
  namespace asio = boost::asio;
  std::optional<decltype(job())> result;
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [&](auto handler) { submit([&] { result.emplace(job()); }, std::move(handler)); }, asio::use_awaitable);
  co_return std::move(*result);
}

}  // namespace tap::async
