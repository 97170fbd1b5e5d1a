// SPDX-License-Identifier: MIT
#include "tap/resync/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::resync {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::no_pds:
      return "the DID document names no PDS";
    case Errc::no_key:
      return "the DID document has no usable signing key";
    case Errc::unreachable:
    case Errc::request_failed:
    case Errc::refused:
    case Errc::rate_limited:
      return "failed to get repo";
    case Errc::host_paused:
      return "its PDS hangs or wants to be left alone for a while";
    case Errc::incomplete:
      return "the fetched repo is incomplete";
    case Errc::buffer_full:
      return "too many live commits came during the fetch";
    case Errc::behind:
      return "the PDS served an older repo than was seen";
    case Errc::missed:
      return "events may have been missed during the fetch";
    case Errc::removed:
      return "the repo was removed";
    case Errc::temporary_file:
      return "cannot keep the fetched blocks";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("resync", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::resync
