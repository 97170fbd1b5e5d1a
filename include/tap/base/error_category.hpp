// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <system_error>

namespace tap {

/// The category of a part's `enum class Errc`: the part's name, and what each code means to a person. One object a
/// part, static: categories are compared by address.
template <class Errc>
class ErrorCategory final : public std::error_category {
 public:
  using Text = const char* (*)(Errc);

  ErrorCategory(const char* name, Text text) : name_(name), text_(text) {}
  [[nodiscard]] const char* name() const noexcept override { return name_; }
  [[nodiscard]] std::string message(int code) const override { return text_(static_cast<Errc>(code)); }

 private:
  const char* name_;
  Text text_;
};

}  // namespace tap
