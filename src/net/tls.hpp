// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <string>

namespace tap::net {

/// A client context that verifies peers against `ca_file`, or the system's store (which honours SSL_CERT_FILE).
[[nodiscard]] boost::asio::ssl::context make_tls_context(const std::string& ca_file);

/// Names the host for SNI and for the certificate check. False when OpenSSL refuses.
[[nodiscard]] bool name_peer(SSL* ssl, const std::string& host);

}  // namespace tap::net
