// SPDX-License-Identifier: MIT
#include "store/sqlite/original.hpp"

#include "store/original/import.hpp"
#include "store/original/recognise.hpp"
#include "store/sqlite/journal_table.hpp"
#include "store/sqlite/schema.hpp"
#include "store/sqlite/tables.hpp"
#include "store/stored.hpp"

namespace tap::store::sqlite {
namespace {

/// To leave WAL mode takes the file for oneself. A rollback journal suits an import as well: what is new is written
/// once, and the log does not grow to the size of the database.
constexpr const char* kLockOut = "PRAGMA busy_timeout=1000; PRAGMA journal_mode=DELETE; PRAGMA cache_size=-16384;";
constexpr const char* kUsual = "PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA cache_size=-2000;";

class SqlitePort final : public original::Port {
 public:
  explicit SqlitePort(Database& database) : database_(database) {}

  Result<void> each_repo(const Visit<original::RepoRow>& visit) override {
    return database_.each(
        "SELECT did, state, status, handle, rev, prev_data, error_msg, retry_count, retry_after FROM original_repos "
        "ORDER BY did",
        [&](const Row& row) { return visit(original::read_repo(row)); });
  }

  Result<void> each_record(const Visit<original::RecordRow>& visit) override {
    return database_.each(
        "SELECT x.did, x.collection, x.rkey, x.cid, n.id, n.rev, n.data FROM original_repo_records x LEFT JOIN repos n "
        "ON n.did = x.did ORDER BY x.did, x.collection, x.rkey",
        [&](const Row& row) { return visit(original::read_record(row)); });
  }

  Result<void> each_held_commit(const Visit<original::HeldCommit>& visit) override {
    return database_.each(
        "SELECT n.id, n.rev, substr(b.data, 1, ?) FROM original_resync_buffers b JOIN repos n ON n.did = b.did "
        "WHERE n.state = ?",
        [&](const Row& row) { return visit(original::read_held_commit(row)); }, original::kHeldBytes,
        repos::State::active);
  }

  Result<void> each_event(const Visit<original::EventRow>& visit) override {
    return database_.each("SELECT id, did, live, data FROM original_outbox_buffers ORDER BY id",
                          [&](const Row& row) { return visit(original::read_event(row)); });
  }

  Result<void> each_cursor(const Visit<OriginalCursor>& visit) override {
    return database_.each(
        "SELECT 'firehose', url, '', CAST(cursor AS TEXT) FROM original_firehose_cursors UNION ALL "
        "SELECT 'list_repos', url, '', cursor FROM original_list_repos_cursors UNION ALL "
        "SELECT 'collection', url, collection, cursor FROM original_collection_cursors",
        [&](const Row& row) { return visit({row.text(0), row.text(1), row.text(2), std::string(row.text(3))}); });
  }

  Result<original::EventIds> event_ids() override {
    original::EventIds ids;
    auto done = database_.each(
        "SELECT coalesce(max(id), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = "
        "'original_outbox_buffers'), (SELECT 0 FROM sqlite_schema WHERE name = 'original_outbox_buffers' AND sql LIKE "
        "'%AUTOINCREMENT%')) FROM original_outbox_buffers",
        [&](const Row& row) {
          ids.left = row.integer(0);
          if (!row.is_null(1)) ids.given = row.integer(1);
        });
    if (!done) return std::unexpected(done.error());
    return ids;
  }

  Result<void> apply(const Mutation& mutation) override {
    return apply_change(
        mutation, [this](const auto& change) -> decltype(tables_.apply(change)) { return tables_.apply(change); });
  }
  Result<void> fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections) override {
    return tables_.fold(repos, collections);
  }
  Result<void> append(JournalWriter& journal, Counters& counters) override {
    auto first = JournalTable(database_).append(journal, counters);
    if (!first) return std::unexpected(first.error());
    return {};
  }
  Result<void> save(const Counters& counters) override {
    return JournalTable(database_).save_counters(Counters{}, counters);
  }
  Result<std::optional<RepoId>> find(std::string_view did) override {
    auto id = database_.value("SELECT id FROM repos WHERE did = ?", did);
    if (!id) return std::unexpected(id.error());
    return *id ? std::optional(RepoId{static_cast<std::uint64_t>(**id)}) : std::nullopt;
  }
  Result<void> overwrite_records(RepoId id, const atproto::Cid& cid) override {
    return database_.run("UPDATE records SET cid = ? WHERE repo_id = ?", StoredCid(cid).bytes(), id);
  }

 private:
  Database& database_;
  Tables tables_{database_};
};

Result<void> run_import(Database& database, const CursorNames& names, const Clock& clock) {
  auto transaction = Transaction::begin(database, "BEGIN EXCLUSIVE");
  if (!transaction) return std::unexpected(transaction.error());
  auto done = database.script(original::kSetAside);
  if (done) done = bring_forward(database, 0, migrations());
  if (done) done = database.script(original::kGuard);
  SqlitePort port(database);
  if (done) done = original::import_rows(port, names, clock);
  return done ? transaction->commit() : done;
}

}  // namespace

Result<void> import_original(Database& database, const CursorNames& names, const Clock& clock) {
  auto done = original::require_columns([&](std::string_view table, std::string_view column) -> Result<bool> {
    auto found = database.value("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", table, column);
    if (!found) return std::unexpected(found.error());
    return found->has_value();
  });
  if (!done) return done;
  if (done = database.script(kLockOut); !done) return done.error() == Errc::busy ? original::in_use() : done;
  done = run_import(database, names, clock);
  if (auto usual = database.script(kUsual); done) done = usual;
  return done ? done : std::unexpected(original::while_importing(done.error()));
}

}  // namespace tap::store::sqlite
