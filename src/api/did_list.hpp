// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/identifiers.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tap::api {

/// The DIDs of a body {"dids":["did:...", ...]}, in the framework's way: unknown keys and what follows the value are
/// ignored, keys match in any case, the last of several counts, and errors have its words (protocol 11.1). A value that
/// is no DID is an error that names it. The error is the message of a 400.
[[nodiscard]] std::expected<std::vector<atproto::Did>, std::string> parse_did_list(std::string_view body);

}  // namespace tap::api
