// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/net/http_client.hpp"

#include <chrono>
#include <optional>

namespace tap::net {

/// How long the header Retry-After asks to wait, given in seconds or as a date; negative when that is past, empty when
/// there is none or it cannot be read.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(const Response& response, WallTime now);

/// How long a 429 asks to wait: Retry-After, else RateLimit-Reset; empty when neither is there or readable. At least a
/// second, at most an hour (protocol 10.6).
[[nodiscard]] std::optional<std::chrono::seconds> pause_of(const Response& response, WallTime now);

}  // namespace tap::net
