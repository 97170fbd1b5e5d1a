// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#include <string>
#include <system_error>
#include <utility>

namespace tap {

/// What went wrong: a code of the failing part's own enum, and the detail that a person needs to act on it.
/// Any part's `enum class Errc` converts to it once registered with std::is_error_code_enum.
class Error {
 public:
  Error() = default;
  Error(std::error_code code, std::string detail = {}) : code_(code), detail_(std::move(detail)) {}
  template <class E>
    requires std::is_error_code_enum_v<E>
  Error(E code, std::string detail = {}) : code_(make_error_code(code)), detail_(std::move(detail)) {}

  [[nodiscard]] const std::error_code& code() const { return code_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }

  /// "message" or "message: detail".
  [[nodiscard]] std::string message() const {
    return detail_.empty() ? code_.message() : code_.message() + ": " + detail_;
  }

  template <class E>
    requires std::is_error_code_enum_v<E>
  friend bool operator==(const Error& error, E code) {
    return error.code_ == make_error_code(code);
  }

 private:
  std::error_code code_;
  std::string detail_;
};

template <class T>
using Result = std::expected<T, Error>;

/// `return fail(Errc::x, "detail")` from a function that returns a Result.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(Args&&... args) {
  return std::unexpected<Error>(Error(std::forward<Args>(args)...));
}

}  // namespace tap
