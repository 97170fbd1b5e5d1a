// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/resolver.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace tap::net {

/// Resolves a host, asks the guard about each address, and connects to the first one that answers. The caller sets the
/// deadline.
[[nodiscard]] Task<Result<boost::beast::tcp_stream>> connect_tcp(Resolver& resolver, const Url& url, Trust trust,
                                                                 bool allow_private);

}  // namespace tap::net
