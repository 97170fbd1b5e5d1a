// SPDX-License-Identifier: MIT
#include "tap/api/server.hpp"

namespace tap::api {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "api"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::bad_address:
        return "the address to bind is not host:port";
      case Errc::bind_failed:
        return "cannot listen";
      case Errc::connection_lost:
        return "the client went away within a request";
    }
    return "unknown";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace tap::api
