// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/result.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <string>

namespace tap::api {

/// Listens at host:port. An empty host and [::] mean every address of both families, where the machine has both.
/// A host name is looked up, which may block: for the start only.
[[nodiscard]] Result<boost::asio::ip::tcp::acceptor> listen_at(const Executor& loop, const std::string& bind);

}  // namespace tap::api
