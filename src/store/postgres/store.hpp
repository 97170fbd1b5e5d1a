// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"

#include <memory>
#include <string>

namespace tap::store::postgres {

/// Connects, takes the lock of the search path's first schema, creates and migrates, or imports the original's.
[[nodiscard]] Result<std::unique_ptr<Engine>> open(const std::string& url, const StoreOptions& options);

}  // namespace tap::store::postgres
