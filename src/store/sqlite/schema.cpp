// SPDX-License-Identifier: MIT
#include "store/sqlite/schema.hpp"

#include "tap/base/log.hpp"

#include "store/original/recognise.hpp"

#include <array>
#include <string>

namespace tap::store::sqlite {
namespace {

constexpr log::Logger kLog("store");

// Revs are TIDs, rkeys that are TIDs are stored as integers (rkey.hpp), CIDs as the 32 bytes of their digest.
// A journal row is named by its first event; journal_acks has the events of a row that are done with, as a bitmap.
// In a database that was the original's the view original_guard needs repos.did and repos.state (original.cpp): a step
// that rebuilds that table drops the view first, and makes it again.
constexpr std::array<const char*, 2> kMigrations = {R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('schema_version', 1), ('next_event', 1), ('folded', 1), ('last_repo', 0);

CREATE TABLE repos (
  id INTEGER PRIMARY KEY,
  did TEXT NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  account INTEGER NOT NULL,
  rev INTEGER,
  data BLOB,
  records INTEGER NOT NULL DEFAULT 0,
  handle TEXT NOT NULL DEFAULT '',
  handle_due INTEGER NOT NULL DEFAULT 1,
  error TEXT NOT NULL DEFAULT '',
  retries INTEGER NOT NULL DEFAULT 0,
  retry_after INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE collections (id INTEGER PRIMARY KEY, nsid TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE records (
  repo_id INTEGER NOT NULL,
  collection_id INTEGER NOT NULL,
  rkey ANY NOT NULL,
  cid BLOB NOT NULL,
  PRIMARY KEY (repo_id, collection_id, rkey)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  changes BLOB NOT NULL,
  events BLOB NOT NULL
) STRICT;
CREATE TABLE journal_acks (id INTEGER PRIMARY KEY, acked INTEGER NOT NULL, marks BLOB NOT NULL) STRICT;

CREATE TABLE resync_buffer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX resync_buffer_repo ON resync_buffer (repo_id, id);

CREATE TABLE cursors (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
)sql",
                                                    R"sql(
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  barrier INTEGER NOT NULL,
  did TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX dead_letters_did ON dead_letters (did, id);
)sql"};

Result<bool> has_table(Database& database, std::string_view name) {
  auto found = database.value("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", name);
  if (!found) return std::unexpected(found.error());
  return found->has_value();
}

}  // namespace

Result<std::int64_t> version_of(Database& database) {
  auto tables = database.value("SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected(tables.error());
  if (tables->value_or(0) == 0) return 0;

  auto original = has_table(database, "outbox_buffers");
  auto meta = has_table(database, "meta");
  if (!original || !meta) return std::unexpected(original ? meta.error() : original.error());
  if (*original) return *meta ? original::run_afterwards() : original::not_imported();
  if (!*meta) return fail(Errc::foreign_schema, "it has tables, but none of Tap's");
  auto version = database.value("SELECT value FROM meta WHERE key = 'schema_version'");
  if (!version || !version->has_value()) return fail(Errc::foreign_schema, "its table meta has no schema version");
  return **version;
}

Migrations migrations() { return kMigrations; }

Result<void> bring_forward(Database& database, std::int64_t from, Migrations steps) {
  for (const char* step : steps.subspan(static_cast<std::size_t>(from))) {
    if (auto done = database.script(step); !done) return done;
  }
  return database.run("UPDATE meta SET value = ? WHERE key = 'schema_version'", steps.size());
}

Result<void> migrate(Database& database, Migrations steps) {
  auto version = version_of(database);
  if (!version) return std::unexpected(version.error());
  const auto newest = static_cast<std::int64_t>(steps.size());
  if (*version > newest || *version < 0) {
    return fail(Errc::newer_schema,
                "schema version " + std::to_string(*version) + ", known here up to " + std::to_string(newest));
  }
  if (*version == newest) return {};

  // Has to be said before the first table is there: freed pages can then be given back (Store::vacuum).
  if (*version == 0) {
    auto done = database.script("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;");
    if (!done) return done;
  }
  auto transaction = Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  auto done = bring_forward(database, *version, steps);
  if (done) done = transaction->commit();
  if (!done) return done;
  kLog.info("database schema is up to date", {{"from", *version}, {"version", newest}});
  return {};
}

}  // namespace tap::store::sqlite
