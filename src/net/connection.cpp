// SPDX-License-Identifier: MIT
#include "net/connection.hpp"

#include "net/guard.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace tap::net {

namespace asio = boost::asio;

Task<Result<boost::beast::tcp_stream>> connect_tcp(Resolver& resolver, const Url& url, Trust trust,
                                                   bool allow_private) {
  // Per address, so that one that drops packets leaves time for the next.
  constexpr std::chrono::seconds kConnectTimeout{5};
  auto addresses = co_await resolver.addresses(url.host);
  if (!addresses) co_return std::unexpected(addresses.error());
  Error last(Errc::connect_failed, url.host);
  for (const auto& address : *addresses) {
    if (trust == Trust::untrusted && !allow_private && !is_public(address)) {
      last = Error(Errc::refused_address, url.host + " is " + address.to_string());
      continue;
    }
    boost::beast::tcp_stream stream(co_await asio::this_coro::executor);
    stream.expires_after(kConnectTimeout);
    const asio::ip::tcp::endpoint endpoint(address, url.port);
    const auto [error] = co_await stream.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    if (!error) {
      boost::system::error_code ignored;  // some sockets do not take it; then it is merely slower
      stream.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
      stream.expires_never();
      co_return stream;
    }
    last = Error(Errc::connect_failed, url.authority() + ": " + error.message());
  }
  co_return std::unexpected(last);
}

}  // namespace tap::net
