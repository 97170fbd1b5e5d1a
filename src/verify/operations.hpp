// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/car.hpp"
#include "tap/atproto/event.hpp"
#include "tap/atproto/mst.hpp"
#include "tap/base/result.hpp"

#include <span>

namespace tap::verify {

/// Steps 7 and 8 of protocol 8.1: each operation is consistent in itself and with the tree, its record is there; undone
/// all together they give `before`. Uses the tree up.
[[nodiscard]] Result<void> check_operations(std::span<const atproto::Op> ops, const atproto::car::Blocks& blocks,
                                            atproto::mst::Tree tree, const atproto::Cid& before);

}  // namespace tap::verify
