// SPDX-License-Identifier: MIT
#pragma once

#include "store/postgres/connection.hpp"

#include <span>

namespace tap::store::postgres {

/// Script n brings version n to n + 1; version 0 is an empty schema.
using Migrations = std::span<const char* const>;
[[nodiscard]] Migrations migrations();

/// In the first schema of the search path.
[[nodiscard]] Result<bool> has_column(Connection& connection, std::string_view table, std::string_view column);
/// 0 for an empty schema; foreign_schema when it holds something else, older_schema for a database of the original Tap.
[[nodiscard]] Result<std::int64_t> version_of(Connection& connection);

/// Inside the caller's transaction.
[[nodiscard]] Result<void> bring_forward(Connection& connection, std::int64_t from, Migrations steps);

/// Brings the first schema of the search path to the newest version, all steps in one transaction. newer_schema,
/// foreign_schema: nothing is touched.
[[nodiscard]] Result<void> migrate(Connection& connection, Migrations steps);

}  // namespace tap::store::postgres
