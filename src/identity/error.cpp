// SPDX-License-Identifier: MIT
#include "tap/base/error_category.hpp"
#include "tap/identity/directory.hpp"

namespace tap::identity {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::unsupported_method:
      return "DID method not supported";
    case Errc::not_found:
      return "DID not found";
    case Errc::tombstoned:
      return "DID is tombstoned";
    case Errc::unavailable:
      return "cannot resolve the DID at the moment";
    case Errc::bad_document:
      return "not a usable DID document";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("identity", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::identity
