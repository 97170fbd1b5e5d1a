// SPDX-License-Identifier: MIT
#include "tap/async/error.hpp"

#include <string>

namespace tap::async {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "async"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::timed_out:
        return "timed out";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace tap::async
