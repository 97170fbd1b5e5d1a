// SPDX-License-Identifier: MIT
#include "tap/base/error_category.hpp"
#include "tap/store/types.hpp"

namespace tap::store {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::open_failed:
      return "the database cannot be opened";
    case Errc::newer_schema:
      return "the database was written by a newer version of Tap";
    case Errc::older_schema:
      return "the database is not up to date; a start of Tap brings it there";
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
    case Errc::unavailable:
      return "the database server cannot be reached";
    case Errc::superseded:
      return "the database is no longer as this process left it";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("store", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::store
