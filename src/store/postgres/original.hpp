// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/store/store.hpp"

#include "store/postgres/connection.hpp"

namespace tap::store::postgres {

/// Makes a database of the original Tap (version_of() says so) one of ours, in one transaction: its tables are renamed,
/// ours are made and filled. Fails with busy when somebody is at work on them.
[[nodiscard]] Result<void> import_original(Connection& connection, const CursorNames& names, const Clock& clock);

}  // namespace tap::store::postgres
