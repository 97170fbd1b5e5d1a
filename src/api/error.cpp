// SPDX-License-Identifier: MIT
#include "tap/api/server.hpp"
#include "tap/base/error_category.hpp"

namespace tap::api {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::bad_address:
      return "the address to bind is not host:port";
    case Errc::bind_failed:
      return "cannot listen";
    case Errc::connection_lost:
      return "the client went away within a request";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("api", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::api
