// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace tap::api {

/// Compact JSON, indented by two spaces as `?pretty` wants it.
[[nodiscard]] std::string indent_json(std::string_view compact);

}  // namespace tap::api
