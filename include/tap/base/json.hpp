// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace tap {

/// Appends a JSON string literal, quotes included, with the escapes of protocol 2.4. Bytes that are not UTF-8 become
/// \ufffd, one each.
void append_json_string(std::string& out, std::string_view text);

}  // namespace tap
