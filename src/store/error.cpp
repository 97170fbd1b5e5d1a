// SPDX-License-Identifier: MIT
#include "tap/store/types.hpp"

namespace tap::store {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "store"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::open_failed:
        return "the database cannot be opened";
      case Errc::newer_schema:
        return "the database was written by a newer version of Tap";
      case Errc::foreign_schema:
        return "the database belongs to another program";
      case Errc::busy:
        return "the database is in use by another process";
      case Errc::full:
        return "no space left for the database";
      case Errc::read_only:
        return "the database is read-only";
      case Errc::corrupt:
        return "the database is corrupt";
      case Errc::failed:
        return "the database failed";
      case Errc::closed:
        return "the database is closed";
    }
    return "unknown store error";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace tap::store
