// SPDX-License-Identifier: MIT
#include "net/ws_upgrade.hpp"

#include "tap/net/error.hpp"
#include "tap/net/ws_handshake.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace tap::net {

Result<void> check_upgrade(const Response& response, std::string_view key) {
  namespace beast = boost::beast;
  if (!beast::http::token_list(response.header("connection")).exists("upgrade") ||
      !beast::iequals(response.header("upgrade"), "websocket") ||
      response.header("sec-websocket-accept") != websocket_accept(key)) {
    return fail(Errc::bad_response, "not a WebSocket handshake");
  }
  if (!response.header("sec-websocket-extensions").empty()) {
    return fail(Errc::bad_response, "an extension that was not asked for");
  }
  if (!response.header("sec-websocket-protocol").empty()) {
    return fail(Errc::bad_response, "a subprotocol that was not asked for");
  }
  return {};
}

}  // namespace tap::net
