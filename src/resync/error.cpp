// SPDX-License-Identifier: MIT
#include "tap/resync/error.hpp"

#include <string>

namespace tap::resync {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resync"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::no_pds:
        return "the DID document names no PDS";
      case Errc::no_key:
        return "the DID document has no usable signing key";
      case Errc::unreachable:
      case Errc::request_failed:
      case Errc::refused:
      case Errc::rate_limited:
        return "failed to get repo";
      case Errc::incomplete:
        return "the fetched repo is incomplete";
      case Errc::buffer_full:
        return "too many live commits came during the fetch";
      case Errc::removed:
        return "the repo was removed";
      case Errc::temporary_file:
        return "cannot keep the fetched blocks";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace tap::resync
