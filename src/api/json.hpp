// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/json_scanner.hpp"

#include <string>
#include <string_view>

namespace tap::api {

/// Compact JSON, indented by two spaces as `?pretty` wants it.
[[nodiscard]] std::string indent_json(std::string_view compact);

/// What the framework says of a body that the scanner has failed on (protocol 11.1).
[[nodiscard]] std::string syntax_error(const JsonScanner& scanner);

}  // namespace tap::api
