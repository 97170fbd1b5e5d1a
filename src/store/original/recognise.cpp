// SPDX-License-Identifier: MIT
#include "store/original/recognise.hpp"

#include "store/original/rows.hpp"

#include <string>

namespace tap::store::original {

std::unexpected<Error> not_imported() {
  return fail(Errc::older_schema, "it was made by the original Tap, and is imported then");
}

std::unexpected<Error> run_afterwards() {
  return fail(Errc::foreign_schema,
              "the original Tap has run on it since it was imported: outbox_buffers is there again; see 'Coming from "
              "the original Tap' in docs/operations.md");
}

std::unexpected<Error> in_use() {
  return fail(Errc::busy, "it is to be imported: stop the original Tap, and whatever else has it open");
}

Error while_importing(const Error& error) {
  return {error.code(), "importing the database of the original Tap: " + error.detail()};
}

Result<void> require_columns(const std::function<Result<bool>(std::string_view table, std::string_view column)>& has) {
  for (const auto& [table, column] : kColumns) {
    auto found = has(table, column);
    if (!found) return std::unexpected(found.error());
    if (*found) continue;
    return fail(Errc::foreign_schema, "it was made by an older version of the original Tap: it has no " +
                                          std::string(table) + "." + std::string(column) +
                                          "; a start of the newest version of the original adds it");
  }
  return {};
}

}  // namespace tap::store::original
