// SPDX-License-Identifier: MIT
#pragma once

#include "tap/net/http_client.hpp"

#include <string_view>

namespace tap::net {

/// Whether this 101 agrees to what a client has asked for: a WebSocket, with this Sec-WebSocket-Key, no extension and
/// no subprotocol (RFC 6455, 4.1). Else bad_response, which says what is wrong. Pure.
[[nodiscard]] Result<void> check_upgrade(const Response& response, std::string_view key);

}  // namespace tap::net
