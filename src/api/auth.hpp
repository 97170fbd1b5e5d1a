// SPDX-License-Identifier: MIT
#pragma once

#include "api/http.hpp"

#include <array>
#include <optional>
#include <string_view>

namespace tap::api {

/// HTTP Basic authentication of the user `admin`, on every path (protocol 11.1).
class Auth {
 public:
  /// An empty password lets everybody in.
  explicit Auth(std::string_view password);
  /// Takes the same time for every wrong password. `authorization` is the header's value.
  [[nodiscard]] bool admits(std::string_view authorization) const;
  [[nodiscard]] static Response unauthorized();

 private:
  using Digest = std::array<unsigned char, 32>;
  [[nodiscard]] static Digest digest(std::string_view text);
  std::optional<Digest> expected_;  // of the credentials as they stand in the header
};

}  // namespace tap::api
