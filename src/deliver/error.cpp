// SPDX-License-Identifier: MIT
#include "deliver/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::deliver {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::bad_message:
      return "the consumer's message cannot be understood";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("deliver", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::deliver
