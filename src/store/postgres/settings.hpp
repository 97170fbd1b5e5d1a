// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include <string>
#include <string_view>

namespace tap::store::postgres {

/// What libpq is told of a connection ("conninfo"): our defaults, then the URL, which may say otherwise, then what it
/// may not. The later word counts.
class Settings {
 public:
  /// Errc::open_failed when libpq cannot read the URL; the message does not repeat what may be a password.
  [[nodiscard]] static Result<Settings> of(const std::string& url, std::string_view application_name);

  void add(std::string_view key, std::string_view value);
  [[nodiscard]] const std::string& text() const { return text_; }
  /// Database and role, as far as the URL names them, for messages.
  [[nodiscard]] const std::string& place() const { return place_; }

 private:
  std::string text_;
  std::string place_;
};

}  // namespace tap::store::postgres
