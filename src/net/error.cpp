// SPDX-License-Identifier: MIT
#include "tap/net/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::net {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::bad_url:
      return "not a usable URL";
    case Errc::not_found:
      return "no such host";
    case Errc::resolve_failed:
      return "cannot look up the host";
    case Errc::refused_address:
      return "address not allowed";
    case Errc::connect_failed:
      return "cannot connect";
    case Errc::tls_failed:
      return "TLS failed";
    case Errc::timed_out:
      return "timed out";
    case Errc::idle:
      return "nothing came for too long";
    case Errc::cut:
      return "the connection broke";
    case Errc::bad_response:
      return "malformed response";
    case Errc::bad_frame:
      return "the peer violates the WebSocket protocol";
    case Errc::too_large:
      return "too large";
    case Errc::too_many_redirects:
      return "too many redirects";
    case Errc::upgrade_refused:
      return "the WebSocket was refused";
    case Errc::closed:
      return "the peer closed the connection";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("net", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::net
