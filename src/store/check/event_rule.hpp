// SPDX-License-Identifier: MIT
#pragma once

#include "tap/outbox/event.hpp"

#include <string_view>

namespace tap::store::check {

/// What is wrong with a stored event, wherever it stands; empty when nothing is.
[[nodiscard]] std::string_view fault_of(outbox::LaneKey lane, outbox::Order order, std::string_view body);

}  // namespace tap::store::check
