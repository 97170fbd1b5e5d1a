// SPDX-License-Identifier: MIT
#include "store/postgres/snapshot.hpp"

#include "store/postgres/connection.hpp"
#include "store/postgres/schema.hpp"

namespace tap::store::postgres {
namespace {

using check::Table;

/// A cursor of the server's, so that no table has to fit in memory, and the next of its rows: few where they are large.
struct Statements {
  Sql open, next;
};

Statements statements(Table table) {
  switch (table) {
    case Table::counters:
      return {"DECLARE counters CURSOR FOR SELECT next_event, folded, last_repo FROM meta", "FETCH 1 FROM counters"};
    case Table::journal:
      return {
          "DECLARE journal_rows CURSOR FOR SELECT j.*, a.acked, a.marks FROM (SELECT id, count, ''::bytea AS "
          "changes, events FROM journal UNION ALL SELECT id, 0, changes, ''::bytea FROM journal_changes) AS j LEFT "
          "JOIN journal_acks a ON a.id = j.id AND j.count > 0 ORDER BY j.id",
          "FETCH 16 FROM journal_rows"};
    case Table::acks:
      return {
          "DECLARE acks CURSOR FOR SELECT a.id, EXISTS (SELECT 1 FROM journal j WHERE j.id = a.id) FROM "
          "journal_acks a ORDER BY a.id",
          "FETCH 1000 FROM acks"};
    case Table::repos:
      return {
          "DECLARE repo_rows CURSOR FOR SELECT id, did, state, account, rev, data, records, handle_due, handle, "
          "retries, retry_after, (SELECT count(*) FROM records WHERE repo_id = repos.id) FROM repos ORDER BY id",
          "FETCH 1000 FROM repo_rows"};
    case Table::collections:
      return {"DECLARE collection_rows CURSOR FOR SELECT id, nsid FROM collections ORDER BY id",
              "FETCH 1000 FROM collection_rows"};
    case Table::records:
      return {
          "DECLARE record_rows CURSOR FOR SELECT repo_id, collection_id, rkey, cid, EXISTS (SELECT 1 FROM repos p "
          "WHERE p.id = r.repo_id), EXISTS (SELECT 1 FROM collections c WHERE c.id = r.collection_id) FROM records "
          "r ORDER BY repo_id, collection_id, rkey",
          "FETCH 1000 FROM record_rows"};
    case Table::buffered:
      return {
          "DECLARE buffered CURSOR FOR SELECT b.id, b.repo_id, b.rev, octet_length(b.body), p.state FROM "
          "resync_buffer b LEFT JOIN repos p ON p.id = b.repo_id ORDER BY b.id",
          "FETCH 1000 FROM buffered"};
    case Table::cursors:
      return {"DECLARE cursor_rows CURSOR FOR SELECT kind, key, value FROM cursors ORDER BY kind, key",
              "FETCH 1000 FROM cursor_rows"};
    case Table::dead_letters:
      return {
          "DECLARE letters CURSOR FOR SELECT d.id, d.lane, d.barrier, d.did, d.attempts, d.since, d.reason, d.body, "
          "j.id, j.count, a.marks FROM dead_letters d LEFT JOIN journal j ON j.id = (SELECT max(id) FROM journal "
          "WHERE id <= d.id) LEFT JOIN journal_acks a ON a.id = j.id ORDER BY d.id",
          "FETCH 16 FROM letters"};
    case Table::sequences:
      return {
          "DECLARE sequences CURSOR FOR SELECT 'collections', (SELECT CASE WHEN is_called THEN last_value ELSE "
          "last_value - 1 END FROM collections_id_seq), (SELECT max(id) FROM collections) UNION ALL SELECT "
          "'resync_buffer', (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM "
          "resync_buffer_id_seq), (SELECT max(id) FROM resync_buffer)",
          "FETCH 10 FROM sequences"};
  }
  std::abort();  // the enum is closed
}

class CheckRow final : public check::Row {
 public:
  explicit CheckRow(const postgres::Row& row) : row_(row) {}
  [[nodiscard]] bool is_null(int column) const override { return row_.is_null(column); }
  [[nodiscard]] std::int64_t integer(int column) const override { return row_.integer(column); }
  [[nodiscard]] ByteView blob(int column) const override { return row_.blob(column); }
  [[nodiscard]] std::optional<std::string> record_key(int column) const override {
    return std::string(row_.text(column));
  }

 private:
  const postgres::Row& row_;
};

class PostgresSnapshot final : public check::Snapshot {
 public:
  explicit PostgresSnapshot(Connection connection) : connection_(std::move(connection)) {}

  Result<void> each(Table table, const Visitor& visit) override {
    const Statements sql = statements(table);
    auto done = connection_.run(sql.open);
    for (bool is_at_end = false; done && !is_at_end;) {
      is_at_end = true;
      done = connection_.each(sql.next, [&](const Row& row) {
        is_at_end = false;
        visit(CheckRow(row));
      });
    }
    return done;
  }
  /// The server checks its pages when it reads them, if it was set up to; pg_amcheck looks at its indexes.
  Result<bool> each_damage(const std::function<void(std::string_view)>&) override { return false; }

 private:
  Connection connection_;
};

}  // namespace

Result<std::unique_ptr<check::Snapshot>> open_snapshot(const std::string& url) {
  auto connection = Connection::open(url, "tap check");
  if (!connection) return std::unexpected(connection.error());
  auto done = connection->script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  if (!done) return std::unexpected(done.error());
  auto version = version_of(*connection);  // the first look: from here on the transaction sees this state
  if (!version) return std::unexpected(version.error());
  if (done = check::require_newest(*version, migrations().size()); !done) return std::unexpected(done.error());
  return std::make_unique<PostgresSnapshot>(std::move(*connection));
}

}  // namespace tap::store::postgres
