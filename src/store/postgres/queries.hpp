// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "store/postgres/connection.hpp"

#include <functional>
#include <memory>
#include <string>

namespace tap::store::postgres {

using Use = std::function<Result<void>(Connection&)>;
/// Hands over a connection that nobody else uses meanwhile, or says why there is none.
using Lend = std::move_only_function<Result<void>(const Use&)>;

/// A read-only connection for queries alone, made anew when it was lost.
[[nodiscard]] Result<Lend> own_connection(std::string url, Waiting waiting);

/// Each query is lent a connection; one that meets a lost connection is asked once more. `lease` is kept as long as
/// they live.
[[nodiscard]] std::unique_ptr<Queries> make_queries(Lend lend, std::shared_ptr<void> lease);

}  // namespace tap::store::postgres
