// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/ip/address.hpp>

namespace tap::net {

/// Whether an address is a public one (protocol 9.8). Special ranges, and IPv6 forms that embed an IPv4 address, are
/// not.
[[nodiscard]] bool is_public(const boost::asio::ip::address& address);

}  // namespace tap::net
