// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace tap::net {

/// What a server answers to a client's Sec-WebSocket-Key, as proof that it means WebSocket (RFC 6455, 4.2.2).
[[nodiscard]] std::string websocket_accept(std::string_view key);

}  // namespace tap::net
