// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"
#include "tap/store/types.hpp"

#include <functional>
#include <string_view>

namespace tap::store::original {

// What is said of databases in which the original Tap has been.

/// It is the original's, and none of ours.
[[nodiscard]] std::unexpected<Error> not_imported();
/// The original has made its tables anew beside ours.
[[nodiscard]] std::unexpected<Error> run_afterwards();
[[nodiscard]] std::unexpected<Error> in_use();
/// The error of a step of the import.
[[nodiscard]] Error while_importing(const Error& error);

/// Fails with foreign_schema when something is not there that an import reads.
[[nodiscard]] Result<void> require_columns(
    const std::function<Result<bool>(std::string_view table, std::string_view column)>& has);

}  // namespace tap::store::original
