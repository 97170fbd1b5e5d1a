// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <string>
#include <vector>

namespace tap::net {

/// The TXT records that a DNS message answers with, the strings of each joined (RFC 1035, 3.3.14); none when it has
/// none. Errc::resolve_failed for a message that is malformed or cut off.
[[nodiscard]] Result<std::vector<std::string>> read_texts(ByteView message);

}  // namespace tap::net
