// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::net {

enum class Errc {
  bad_url = 1,      ///< not an http, https, ws or wss URL
  not_found,        ///< the name does not exist (NXDOMAIN)
  resolve_failed,   ///< the name could not be looked up; may pass
  refused_address,  ///< the guard refuses this address or port (protocol 9.8)
  connect_failed,   ///< no address took the connection
  tls_failed,       ///< handshake or certificate
  timed_out,        ///< the deadline passed
  idle,             ///< nothing came for too long
  cut,              ///< the peer closed in the middle
  bad_response,     ///< not HTTP, or a malformed message
  bad_frame,        ///< the peer breaks the rules of WebSocket frames
  too_large,        ///< body, header or message above its limit
  too_many_redirects,
  upgrade_refused,  ///< the WebSocket handshake was answered with an HTTP status: the detail names it
  closed,           ///< the peer closed the WebSocket
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::net

template <>
struct std::is_error_code_enum<tap::net::Errc> : std::true_type {};
