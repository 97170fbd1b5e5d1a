// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/store/store.hpp"

#include "store/sqlite/database.hpp"

namespace tap::store::sqlite {

/// Makes a database of the original Tap (version_of() says so) one of ours, in one transaction: its tables are renamed,
/// ours are made and filled. Fails with busy when somebody has it open.
[[nodiscard]] Result<void> import_original(Database& database, const CursorNames& names, const Clock& clock);

}  // namespace tap::store::sqlite
