// SPDX-License-Identifier: MIT
#include "store/sqlite/snapshot.hpp"

#include "store/sqlite/database.hpp"
#include "store/sqlite/rkey.hpp"
#include "store/sqlite/schema.hpp"

namespace tap::store::sqlite {
namespace {

using check::Table;

Sql select(Table table) {
  switch (table) {
    case Table::counters:
      return "SELECT (SELECT value FROM meta WHERE key = 'next_event'), (SELECT value FROM meta WHERE key = 'folded'), "
             "(SELECT value FROM meta WHERE key = 'last_repo')";
    case Table::journal:
      return "SELECT j.id, j.count, j.changes, j.events, a.acked, a.marks FROM journal j LEFT JOIN journal_acks a ON "
             "a.id = j.id ORDER BY j.id";
    case Table::acks:
      return "SELECT a.id, EXISTS (SELECT 1 FROM journal j WHERE j.id = a.id) FROM journal_acks a ORDER BY a.id";
    case Table::repos:
      return "SELECT id, did, state, account, rev, data, records, handle_due, handle, retries, retry_after, (SELECT "
             "count(*) FROM records WHERE repo_id = repos.id) FROM repos ORDER BY id";
    case Table::collections:
      return "SELECT id, nsid FROM collections ORDER BY id";
    case Table::records:
      return "SELECT repo_id, collection_id, rkey, cid, EXISTS (SELECT 1 FROM repos p WHERE p.id = r.repo_id), EXISTS "
             "(SELECT 1 FROM collections c WHERE c.id = r.collection_id) FROM records r ORDER BY repo_id, "
             "collection_id, rkey";
    case Table::buffered:
      return "SELECT b.id, b.repo_id, b.rev, length(b.body), p.state FROM resync_buffer b LEFT JOIN repos p ON p.id = "
             "b.repo_id ORDER BY b.id";
    case Table::cursors:
      return "SELECT kind, key, value FROM cursors ORDER BY kind, key";
    case Table::dead_letters:
      return "SELECT d.id, d.lane, d.barrier, d.did, d.attempts, d.since, d.reason, d.body, j.id, j.count, a.marks "
             "FROM dead_letters d LEFT JOIN journal j ON j.id = (SELECT max(id) FROM journal WHERE id <= d.id) LEFT "
             "JOIN journal_acks a ON a.id = j.id ORDER BY d.id";
    case Table::sequences:
      return "SELECT 'resync_buffer', (SELECT seq FROM sqlite_sequence WHERE name = 'resync_buffer'), (SELECT max(id) "
             "FROM resync_buffer)";
  }
  std::abort();  // the enum is closed
}

class CheckRow final : public check::Row {
 public:
  explicit CheckRow(const sqlite::Row& row) : row_(row) {}
  [[nodiscard]] bool is_null(int column) const override { return row_.is_null(column); }
  [[nodiscard]] std::int64_t integer(int column) const override { return row_.integer(column); }
  [[nodiscard]] ByteView blob(int column) const override { return row_.blob(column); }
  [[nodiscard]] std::optional<std::string> record_key(int column) const override {
    if (row_.is_integer(column)) {
      if (row_.integer(column) < 0) return std::nullopt;
      return atproto::Tid(row_.number(column)).str();
    }
    // A key that is a number would be looked for as one, and not be found.
    if (rkey_number(row_.text(column))) return std::nullopt;
    return std::string(row_.text(column));
  }

 private:
  const sqlite::Row& row_;
};

class SqliteSnapshot final : public check::Snapshot {
 public:
  explicit SqliteSnapshot(Database database) : database_(std::move(database)) {}

  Result<void> each(Table table, const Visitor& visit) override {
    return database_.each(select(table), [&](const Row& row) { visit(CheckRow(row)); });
  }
  Result<bool> each_damage(const std::function<void(std::string_view)>& visit) override {
    auto done = database_.each("PRAGMA integrity_check", [&](const Row& row) {
      if (row.text(0) != "ok") visit(row.text(0));
    });
    if (!done) return std::unexpected(done.error());
    return true;
  }

 private:
  Database database_;
};

/// From its first look on the transaction sees one state.
Result<std::unique_ptr<check::Snapshot>> begin(const std::string& path) {
  auto database = Database::open(path, Mode::read_only);
  if (!database) return std::unexpected(database.error());
  if (auto done = database->run("BEGIN"); !done) return std::unexpected(done.error());
  auto version = version_of(*database);
  if (!version) return std::unexpected(version.error());
  if (auto done = check::require_newest(*version, migrations().size()); !done) return std::unexpected(done.error());
  return std::make_unique<SqliteSnapshot>(std::move(*database));
}

}  // namespace

Result<std::unique_ptr<check::Snapshot>> open_snapshot(const std::string& path) {
  auto snapshot = begin(path);
  // What a crash left half made, before there was a write-ahead log, only a writer can undo.
  if (!snapshot && snapshot.error() == Errc::read_only) return fail(Errc::older_schema, "it is half made");
  return snapshot;
}

}  // namespace tap::store::sqlite
