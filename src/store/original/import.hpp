// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/store/store.hpp"

#include "store/original/port.hpp"

namespace tap::store::original {

/// Takes everything over from the original's tables into ours, and tells of it in the log. Rows that make no sense are
/// counted and told of; their repos are to be fetched again, in a way that tells consumers what they may have missed.
/// Errors are the port's, and mean that nothing may be kept of it.
[[nodiscard]] Result<void> import_rows(Port& port, const CursorNames& names, const Clock& clock);

}  // namespace tap::store::original
