// SPDX-License-Identifier: MIT
#include "store/postgres/original.hpp"

#include "store/original/import.hpp"
#include "store/original/recognise.hpp"
#include "store/postgres/journal_table.hpp"
#include "store/postgres/schema.hpp"
#include "store/postgres/tables.hpp"
#include "store/stored.hpp"

namespace tap::store::postgres {
namespace {

/// From here on the original, should it still run, waits, and then finds nothing of its own.
constexpr const char* kLockOut =
    "BEGIN; SET LOCAL lock_timeout = '2s';"
    "LOCK TABLE repos, repo_records, outbox_buffers, resync_buffers, firehose_cursors, list_repos_cursors, "
    "collection_cursors IN ACCESS EXCLUSIVE MODE;";

class PostgresPort final : public original::Port {
 public:
  explicit PostgresPort(Connection& connection) : connection_(connection) {}

  Result<void> each_repo(const Visit<original::RepoRow>& visit) override {
    return scroll(
        "DECLARE original_repo CURSOR FOR SELECT did, state, status, handle, rev, prev_data, error_msg, retry_count, "
        "retry_after FROM original_repos ORDER BY did",
        "FETCH 2000 FROM original_repo", [&](const Row& row) { return visit(original::read_repo(row)); });
  }

  Result<void> each_record(const Visit<original::RecordRow>& visit) override {
    return scroll(
        "DECLARE original_record CURSOR FOR SELECT x.did, x.collection, x.rkey, x.cid, n.id, n.rev, n.data FROM "
        "original_repo_records x LEFT JOIN repos n ON n.did = x.did COLLATE \"C\" ORDER BY x.did, x.collection, x.rkey",
        "FETCH 5000 FROM original_record", [&](const Row& row) { return visit(original::read_record(row)); });
  }

  Result<void> each_held_commit(const Visit<original::HeldCommit>& visit) override {
    static_assert(original::kHeldBytes == 500 && static_cast<int>(repos::State::active) == 3);  // takes no parameters
    return scroll(
        "DECLARE original_held CURSOR FOR SELECT n.id, n.rev, left(b.data, 500) FROM original_resync_buffers b JOIN "
        "repos n ON n.did = b.did COLLATE \"C\" WHERE n.state = 3",
        "FETCH 2000 FROM original_held", [&](const Row& row) { return visit(original::read_held_commit(row)); });
  }

  // An event may be a megabyte.
  Result<void> each_event(const Visit<original::EventRow>& visit) override {
    return scroll(
        "DECLARE original_event CURSOR FOR SELECT id, did, live, data FROM original_outbox_buffers ORDER BY id",
        "FETCH 100 FROM original_event", [&](const Row& row) { return visit(original::read_event(row)); });
  }

  Result<void> each_cursor(const Visit<OriginalCursor>& visit) override {
    return connection_.each(
        "SELECT 'firehose'::text, url, '', cursor::text FROM original_firehose_cursors UNION ALL "
        "SELECT 'list_repos', url, '', cursor FROM original_list_repos_cursors UNION ALL "
        "SELECT 'collection', url, collection, cursor FROM original_collection_cursors",
        [&](const Row& row) { return visit({row.text(0), row.text(1), row.text(2), std::string(row.text(3))}); });
  }

  // Its sequence does not know: the original names the ids itself.
  Result<original::EventIds> event_ids() override {
    auto highest = connection_.value("SELECT max(id) FROM original_outbox_buffers");
    if (!highest) return std::unexpected(highest.error());
    return original::EventIds{.left = highest->value_or(0)};
  }

  Result<void> apply(const Mutation& mutation) override {
    return apply_change(mutation, [this](const auto& change) -> decltype(tables_.apply(connection_, change)) {
      return tables_.apply(connection_, change);
    });
  }
  Result<void> fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections) override {
    return tables_.fold(connection_, repos, collections);
  }
  Result<void> append(JournalWriter& journal, Counters& counters) override {
    auto first = JournalTable::append(connection_, journal, counters);
    return first ? Result<void>() : std::unexpected(first.error());
  }
  Result<void> save(const Counters& counters) override {
    return connection_.run("UPDATE meta SET next_event = $1, folded = $2, last_repo = $3", counters.next_event,
                           counters.folded, counters.last_repo);
  }
  Result<std::optional<RepoId>> find(std::string_view did) override {
    auto id = connection_.value("SELECT id FROM repos WHERE did = $1", did);
    if (!id) return std::unexpected(id.error());
    return *id ? std::optional(RepoId{static_cast<std::uint64_t>(**id)}) : std::nullopt;
  }
  Result<void> overwrite_records(RepoId id, const atproto::Cid& cid) override {
    return connection_.run("UPDATE records SET cid = $1 WHERE repo_id = $2", StoredCid(cid).bytes(), id);
  }

 private:
  /// Row by row, so that never more than a page is in memory.
  template <class Take>
  Result<void> scroll(Sql declare, Sql fetch, Take take) {
    auto done = connection_.run(declare);
    for (bool more = true; done && more;) {
      more = false;
      done = connection_.each(fetch, [&](const Row& row) -> Result<void> {
        more = true;
        return take(row);
      });
    }
    return done;
  }

  Connection& connection_;
  Tables tables_;
};

Result<void> run_import(Connection& connection, const CursorNames& names, const Clock& clock) {
  auto done = connection.script(original::kSetAside);
  if (done) done = bring_forward(connection, 0, migrations());
  if (done) done = connection.script(original::kGuard);
  PostgresPort port(connection);
  if (done) done = original::import_rows(port, names, clock);
  return done ? connection.script("COMMIT") : done;
}

}  // namespace

Result<void> import_original(Connection& connection, const CursorNames& names, const Clock& clock) {
  auto done = original::require_columns(
      [&](std::string_view table, std::string_view column) { return has_column(connection, table, column); });
  if (!done) return done;
  done = connection.script(kLockOut);
  const bool is_busy = !done && done.error() == Errc::busy;
  if (done) done = run_import(connection, names, clock);
  if (done) return done;
  connection.roll_back();
  if (is_busy) return original::in_use();
  return std::unexpected(original::while_importing(done.error()));
}

}  // namespace tap::store::postgres
