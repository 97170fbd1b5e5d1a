// SPDX-License-Identifier: MIT
#include "api/listen.hpp"

#include "tap/api/server.hpp"
#include "tap/base/text.hpp"

#include <boost/asio/ip/v6_only.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace tap::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<Address> parse(std::string_view bind) {
  const std::size_t colon = bind.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = bind.substr(0, colon);
  const std::string_view port = bind.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return std::nullopt;  // an IPv6 address wants brackets
  }
  const auto number = parse_decimal<std::uint16_t>(port);
  if (!number) return std::nullopt;
  return Address{std::string(host), *number};
}

/// Where to try, in this order.
Result<std::vector<tcp::endpoint>> endpoints(const Executor& loop, const Address& address, const std::string& bind) {
  const tcp::endpoint any6(tcp::v6(), address.port);
  if (address.host.empty()) return std::vector{any6, tcp::endpoint(tcp::v4(), address.port)};
  boost::system::error_code error;
  if (const auto ip = asio::ip::make_address(address.host, error); !error) {
    return std::vector{tcp::endpoint(ip, address.port)};
  }
  const auto found = tcp::resolver(loop).resolve(address.host, std::to_string(address.port), error);
  if (error) return fail(Errc::bad_address, bind + ": " + error.message());
  return std::vector<tcp::endpoint>(found.begin(), found.end());
}

boost::system::error_code open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  boost::system::error_code ignored;  // a socket without these options still serves
  acceptor.set_option(tcp::acceptor::reuse_address(true), ignored);
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
    acceptor.set_option(asio::ip::v6_only(false), ignored);
  }
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  return error;
}

}  // namespace

Result<tcp::acceptor> listen_at(const Executor& loop, const std::string& bind) {
  const auto address = parse(bind);
  if (!address) return fail(Errc::bad_address, bind);
  const auto candidates = endpoints(loop, *address, bind);
  if (!candidates) return std::unexpected(candidates.error());

  boost::system::error_code error = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : *candidates) {
    tcp::acceptor acceptor(loop);
    error = open(acceptor, endpoint);
    if (!error) return acceptor;
    // The next candidate is for a machine without this family, not for a port that is taken.
    if (error == asio::error::address_in_use || error == asio::error::access_denied) break;
  }
  return fail(Errc::bind_failed, bind + ": " + error.message());
}

}  // namespace tap::api
