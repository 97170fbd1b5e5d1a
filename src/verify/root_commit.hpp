// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/car.hpp"
#include "tap/atproto/commit.hpp"

namespace tap::verify {

/// The commit that the CAR's first root names (protocol 8.1 step 3); its signature is not looked at.
[[nodiscard]] Result<atproto::Commit> root_commit(const atproto::car::View& car);

}  // namespace tap::verify
