// SPDX-License-Identifier: MIT
#include "tap/verify/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::verify {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::too_large:
      return "above the limits of the protocol";
    case Errc::data_missing:
      return "the message lacks its data (tooBig or rebase)";
    case Errc::malformed:
      return "a field of a wrong form";
    case Errc::mismatch:
      return "event, commit and repo do not agree";
    case Errc::bad_op:
      return "inconsistent operation";
    case Errc::legacy:
      return "legacy commit that cannot be verified";
    case Errc::inversion_mismatch:
      return "the operations do not lead from prevData to data";
    case Errc::discontinuity:
      return "does not follow the commit that we hold";
    case Errc::content_differs:
      return "the repo has other content than we hold";
    case Errc::future_rev:
      return "rev lies in the future";
    case Errc::older_rev:
      return "rev is older than the one that we hold";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("verify", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::verify
