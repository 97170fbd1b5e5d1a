// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "store/postgres/patience.hpp"

#include <memory>
#include <string>

namespace tap::store::postgres {

/// On a read-only connection of its own, made anew when it was lost. `lease` is kept as long as it lives.
[[nodiscard]] Result<std::unique_ptr<Queries>> make_queries(std::string url, Waiting waiting,
                                                            std::shared_ptr<void> lease);

}  // namespace tap::store::postgres
