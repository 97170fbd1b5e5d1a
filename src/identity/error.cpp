// SPDX-License-Identifier: MIT
#include "tap/identity/directory.hpp"

namespace tap::identity {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "identity"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
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
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace tap::identity
