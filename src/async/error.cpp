// SPDX-License-Identifier: MIT
#include "tap/async/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::async {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::timed_out:
      return "timed out";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("async", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::async
