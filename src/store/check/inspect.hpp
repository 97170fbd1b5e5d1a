// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/check.hpp"

#include "store/check/snapshot.hpp"

namespace tap::store::check {

/// Holds the snapshot against all rules.
[[nodiscard]] Result<CheckReport> inspect(Snapshot& snapshot);

}  // namespace tap::store::check
