// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tap::net {

/// A parsed absolute URL of scheme http, https, ws or wss.
struct Url {
  std::string scheme;        ///< lower case
  std::string host;          ///< lower case; an IPv6 address without brackets
  std::uint16_t port = 0;    ///< the scheme's own when not given
  std::string target = "/";  ///< path and query, at least "/"
  std::string userinfo;      ///< "user:password", percent-decoded; empty when not given

  [[nodiscard]] static Result<Url> parse(std::string_view text);
  /// Resolves a Location header against this.
  [[nodiscard]] Result<Url> resolve(std::string_view location) const;
  [[nodiscard]] bool tls() const { return scheme == "https" || scheme == "wss"; }
  /// scheme://host[:port], the port left out when it is the scheme's own.
  [[nodiscard]] std::string origin() const;
  /// What stands in a Host header.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] Url with_target(std::string_view path_and_query) const;
  /// The same place for WebSockets: http becomes ws, https wss.
  [[nodiscard]] Url websocket() const;
  /// And the other way round.
  [[nodiscard]] Url http() const;
};

/// Percent-encodes everything but unreserved characters and ':' (a DID stays readable in a query).
[[nodiscard]] std::string encode_query(std::string_view text);

}  // namespace tap::net
