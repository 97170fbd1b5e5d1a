// SPDX-License-Identifier: MIT
#include "tap/crawl/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::crawl {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::bad_page:
      return "not a list of repos";
    case Errc::refused:
      return "the relay does not list repos at the moment";
    case Errc::bad_request:
      return "the relay refuses the request";
    case Errc::unsupported:
      return "the relay has no such list";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("crawl", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::crawl
