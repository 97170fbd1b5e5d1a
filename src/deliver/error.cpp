// SPDX-License-Identifier: MIT
#include "deliver/error.hpp"

#include <string>

namespace tap::deliver {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "deliver"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::bad_message:
        return "the consumer's message cannot be understood";
    }
    return "unknown";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace tap::deliver
