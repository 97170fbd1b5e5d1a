// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"
#include "tap/outbox/event.hpp"

#include <optional>
#include <string_view>

namespace tap::deliver {

/// The id that a message acks; nothing for messages that are of no concern; an error for those that end the connection
/// (protocol 11.3). Pure.
[[nodiscard]] Result<std::optional<outbox::EventId>> parse_client_message(std::string_view text);

}  // namespace tap::deliver
