// SPDX-License-Identifier: MIT
#pragma once

#include "store/sqlite/database.hpp"

#include <span>

namespace tap::store::sqlite {

/// Script n brings version n to n + 1; version 0 is an empty file.
using Migrations = std::span<const char* const>;
[[nodiscard]] Migrations migrations();

/// 0 for an empty file; foreign_schema when it holds something else, older_schema for a database of the original Tap.
[[nodiscard]] Result<std::int64_t> version_of(Database& database);

/// Inside the caller's transaction.
[[nodiscard]] Result<void> bring_forward(Database& database, std::int64_t from, Migrations steps);

/// Brings the database to the newest version, all steps in one transaction. newer_schema, foreign_schema: nothing is
/// touched.
[[nodiscard]] Result<void> migrate(Database& database, Migrations steps);

}  // namespace tap::store::sqlite
