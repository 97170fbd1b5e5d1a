// SPDX-License-Identifier: MIT
#include "store/postgres/schema.hpp"

#include "tap/base/log.hpp"

#include "store/original/recognise.hpp"

#include <array>
#include <string>
#include <vector>

namespace tap::store::postgres {
namespace {

constexpr log::Logger kLog("store");

// Names and keys are text, all of them ASCII by their grammar. What strangers may have put anything into is bytea. Revs
// are TIDs as integers, CIDs the 32 bytes of their digest. The bodies of the journal live for seconds: compressing them
// costs more than it saves. In a database that was the original's the view original_guard needs repos.did and
// repos.state (original.cpp): a step that changes their types drops the view first, and makes it again.
constexpr std::array<const char*, 1> kMigrations = {R"sql(
CREATE TABLE meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  schema_version bigint NOT NULL,
  next_event bigint NOT NULL,
  folded bigint NOT NULL,
  last_repo bigint NOT NULL,
  batch bigint NOT NULL
);
INSERT INTO meta VALUES (true, 1, 1, 1, 0, 0);

CREATE TABLE repos (
  id bigint PRIMARY KEY,
  did text COLLATE "C" NOT NULL UNIQUE,
  state smallint NOT NULL,
  account smallint NOT NULL,
  rev bigint,
  data bytea,
  records bigint NOT NULL DEFAULT 0,
  handle text NOT NULL DEFAULT '',
  handle_due boolean NOT NULL DEFAULT true,
  error bytea NOT NULL DEFAULT '',
  retries bigint NOT NULL DEFAULT 0,
  retry_after bigint NOT NULL DEFAULT 0
);

CREATE TABLE collections (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  nsid text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE records (
  repo_id bigint NOT NULL,
  collection_id integer NOT NULL,
  rkey text COLLATE "C" NOT NULL,
  cid bytea NOT NULL,
  PRIMARY KEY (repo_id, collection_id, rkey)
);

CREATE TABLE journal (id bigint PRIMARY KEY, count bigint NOT NULL, events bytea NOT NULL);
CREATE TABLE journal_changes (id bigint PRIMARY KEY, changes bytea NOT NULL);
CREATE TABLE journal_acks (id bigint PRIMARY KEY, acked bigint NOT NULL, marks bytea NOT NULL);
ALTER TABLE journal ALTER COLUMN events SET STORAGE EXTERNAL;
ALTER TABLE journal_changes ALTER COLUMN changes SET STORAGE EXTERNAL;

CREATE TABLE resync_buffer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repo_id bigint NOT NULL,
  rev bigint NOT NULL,
  body bytea NOT NULL
);
ALTER TABLE resync_buffer ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX resync_buffer_repo ON resync_buffer (repo_id, id);

CREATE TABLE cursors (kind text NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (kind, key));

CREATE TABLE dead_letters (
  id bigint PRIMARY KEY,
  lane bigint NOT NULL,
  barrier boolean NOT NULL,
  did text COLLATE "C" NOT NULL,
  attempts bigint NOT NULL,
  since bigint NOT NULL,
  reason bytea NOT NULL,
  body bytea NOT NULL
);
CREATE INDEX dead_letters_did ON dead_letters (did, id);
)sql"};

}  // namespace

Result<bool> has_column(Connection& connection, std::string_view table, std::string_view column) {
  auto found = connection.value(
      "SELECT 1 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE n.nspname = current_schema() AND c.relname = $1 AND a.attname = $2",
      table, column);
  if (!found) return std::unexpected(found.error());
  return found->has_value();
}

Result<std::int64_t> version_of(Connection& connection) {
  auto tables = connection.value(
      "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = "
      "current_schema() AND c.relkind IN ('r', 'p')");
  if (!tables) return std::unexpected(tables.error());
  if (tables->value_or(0) == 0) return 0;

  auto original = has_column(connection, "outbox_buffers", "id");
  auto meta = has_column(connection, "meta", "schema_version");
  if (!original || !meta) return std::unexpected(original ? meta.error() : original.error());
  if (*original) return *meta ? original::run_afterwards() : original::not_imported();
  if (!*meta) {
    return fail(Errc::foreign_schema,
                "it has tables, but none of Tap's; name an empty database or schema (search_path)");
  }
  auto version = connection.value("SELECT schema_version FROM meta");
  if (!version) return std::unexpected(version.error());
  if (!*version) return fail(Errc::foreign_schema, "its table meta has no schema version");
  return **version;
}

Migrations migrations() { return kMigrations; }

Result<void> bring_forward(Connection& connection, std::int64_t from, Migrations steps) {
  for (const char* step : steps.subspan(static_cast<std::size_t>(from))) {
    if (auto done = connection.script(step); !done) return done;
  }
  return connection.run("UPDATE meta SET schema_version = $1", steps.size());
}

Result<void> migrate(Connection& connection, Migrations steps) {
  auto version = version_of(connection);
  if (!version) return std::unexpected(version.error());
  const auto newest = static_cast<std::int64_t>(steps.size());
  if (*version > newest || *version < 0) {
    return fail(Errc::newer_schema,
                "schema version " + std::to_string(*version) + ", known here up to " + std::to_string(newest));
  }
  if (*version == newest) return {};

  auto done = connection.script("BEGIN");
  if (done) done = bring_forward(connection, *version, steps);
  if (done) done = connection.script("COMMIT");
  if (!done) {
    connection.roll_back();
    return done;
  }
  kLog.info("database schema is up to date", {{"from", *version}, {"version", newest}});
  return {};
}

}  // namespace tap::store::postgres
