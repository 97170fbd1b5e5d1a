// SPDX-License-Identifier: MIT
#pragma once

#include "store/check/snapshot.hpp"

#include <memory>
#include <string>

namespace tap::store::postgres {

/// Of the search path's first schema, as it is when it is first looked at.
[[nodiscard]] Result<std::unique_ptr<check::Snapshot>> open_snapshot(const std::string& url);

}  // namespace tap::store::postgres
