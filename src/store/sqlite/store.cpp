// SPDX-License-Identifier: MIT
#include "store/sqlite/store.hpp"

#include "store/sqlite/dead_letter_table.hpp"
#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/folder.hpp"
#include "store/sqlite/journal_table.hpp"
#include "store/sqlite/queries.hpp"
#include "store/sqlite/schema.hpp"
#include "store/sqlite/tables.hpp"

#include <algorithm>
#include <unordered_map>

namespace tap::store::sqlite {
namespace {

/// Free pages beyond this many, and beyond a quarter of the file, go back to the file system.
constexpr std::int64_t kSparePages = 4'096;
constexpr const char* kVacuumSlice = "PRAGMA incremental_vacuum(128)";
constexpr std::int64_t kPageBytes = 4'096;
/// Said once the repos are loaded: that scan would fill it with rows nobody looks at again, and what the pages leave
/// behind among the tables in memory never goes back to the system. 64 MB cost the live path 5 % less CPU.
constexpr const char* kWorkingCache = "PRAGMA cache_size=-16384";

class SqliteStore final : public Store {
 public:
  SqliteStore(std::string path, FileLock lock, Database database, Database checkpointer)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        database_(std::move(database)),
        checkpointer_(std::move(checkpointer)) {
    sqlite3_wal_hook(
        database_.handle(),
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<SqliteStore*>(self)->wal_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  /// Whoever holds queries has let go of them: the log goes away with the last connection.
  ~SqliteStore() override {
    sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  }

  /// Reads back where the database stands; after opening, and when a rollback has undone a fold.
  Result<void> recover() {
    auto counters = journal_.read_counters();
    if (!counters) return std::unexpected(counters.error());
    auto letters = dead_letters_.count();
    if (!letters) return std::unexpected(letters.error());
    counters_ = *counters;
    counters_.dead_letters = *letters;
    return folder_.rescan(counters_);
  }

  Result<void> load_repos(const std::function<void(const RepoRow&)>& sink) override {
    std::unordered_map<RepoId, repos::Head> unfolded;
    auto read = journal_.each_change(counters_.folded, [&](outbox::EventId, std::span<const AdvanceHead> changes) {
      for (const AdvanceHead& change : changes) unfolded.insert_or_assign(change.id, change.head);
      return true;
    });
    if (!read) return read;
    auto loaded = tables_.each_repo([&](RepoRow& row) {
      if (const auto head = unfolded.find(row.id); head != unfolded.end()) row.repo.head = head->second;
      sink(row);
    });
    return loaded ? database_.script(kWorkingCache) : loaded;
  }
  Result<RepoId> last_repo() override { return counters_.last_repo; }
  Result<std::uint64_t> undelivered() override { return journal_.undelivered(); }

  Result<outbox::EventId> apply(std::span<const Write> writes, std::span<const outbox::EventId> acked) override {
    const Counters before = counters_;
    folder_.watch();
    auto first = apply_in_transaction(writes, acked);
    if (first) return first;
    counters_ = before;
    tables_.forget();
    if (!folder_.watched_fold()) return first;
    auto recovered = recover();
    return recovered ? first : std::unexpected(recovered.error());
  }

  Result<void> fold() override {
    const auto target = counters_.next_event;
    while (counters_.folded < target) {
      if (auto done = fold_slice(kFoldSlice); !done) return done;
    }
    for (;;) {
      auto more = sweep();
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
    }
  }
  Result<void> fold_slice(std::size_t max) override {
    auto done = folder_.slice(counters_, max);
    if (!done) tables_.forget();
    return done;
  }
  std::size_t unfolded() const override { return counters_.unfolded; }
  bool has_unfolded(RepoId id) const override { return folder_.touches(id); }
  outbox::EventId folded() const override { return counters_.folded; }
  outbox::EventId next_event() const override { return counters_.next_event; }

  std::uint64_t dead_letters() const override { return counters_.dead_letters; }

  Result<bool> sweep() override {
    auto more = journal_.sweep(counters_);
    if (!more || *more) return more;
    return journal_.thin(counters_);
  }
  Result<bool> vacuum() override {
    auto free = database_.value("PRAGMA freelist_count");
    if (!free) return std::unexpected(free.error());
    auto pages = database_.value("PRAGMA page_count");
    if (!pages) return std::unexpected(pages.error());
    if (**free <= kSparePages || **free <= **pages / 4) return false;
    if (auto done = database_.script(kVacuumSlice); !done) return std::unexpected(done.error());
    return true;
  }

  std::uint64_t log_bytes() const override { return static_cast<std::uint64_t>(wal_pages_ * kPageBytes); }
  Result<void> checkpoint() override {
    const int code =
        sqlite3_wal_checkpoint_v2(checkpointer_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (code != SQLITE_OK && code != SQLITE_BUSY) return std::unexpected(checkpointer_.error(code));
    return {};
  }

  Result<std::unique_ptr<Queries>> queries() override {
    auto reader = Database::open(path_, Mode::read_only);
    if (!reader) return std::unexpected(reader.error());
    return make_queries(std::move(*reader));
  }

 private:
  static constexpr std::size_t kFoldSlice = 10'000;

  Result<outbox::EventId> apply_in_transaction(std::span<const Write> writes, std::span<const outbox::EventId> acked) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    const Counters before = counters_;
    JournalWriter journal;
    for (const Write& write : writes) {
      for (const Mutation& mutation : write.mutations) {
        auto done = std::visit([&](const auto& change) { return apply_one(change, journal); }, mutation);
        if (!done) return std::unexpected(done.error());
      }
      for (const outbox::Draft& event : write.events) journal.add(event);
    }
    auto first = journal_.append(journal, counters_);
    if (!first) return first;
    auto done = journal_.acknowledge(acked, counters_);
    if (done) done = journal_.save_counters(before, counters_);
    if (done) done = transaction->commit();
    if (!done) return std::unexpected(done.error());
    return first;
  }

  Result<void> apply_one(const AdvanceHead& change, JournalWriter& journal) {
    journal.add(change);
    folder_.note(change.id);
    counters_.unfolded += 1;
    return {};
  }
  Result<void> apply_one(const AddRepo& change, JournalWriter&) {
    counters_.last_repo = std::max(counters_.last_repo, change.id);
    return tables_.apply(change);
  }
  Result<void> apply_one(const SetAside& change, JournalWriter&) {
    auto added = dead_letters_.add(change.letter);
    if (!added) return std::unexpected(added.error());
    counters_.dead_letters += *added;
    return journal_.acknowledge({&change.letter.event.id, 1}, counters_);
  }
  Result<void> apply_one(const DropDeadLetters& change, JournalWriter&) {
    auto dropped = dead_letters_.drop(change.ids);
    if (!dropped) return std::unexpected(dropped.error());
    counters_.dead_letters -= *dropped;
    return {};
  }
  Result<void> apply_one(const PutRecords& change, JournalWriter& journal) { return apply_directly(change, journal); }
  Result<void> apply_one(const SetHead& change, JournalWriter& journal) { return apply_directly(change, journal); }
  template <class Change>
  Result<void> apply_one(const Change& change, JournalWriter&) {
    return tables_.apply(change);
  }

  /// A later fold must not overwrite it with something older, so what is journaled comes first.
  template <class Change>
  Result<void> apply_directly(const Change& change, JournalWriter& journal) {
    if (folder_.touches(change.id)) {
      auto done = journal_.append_changes(journal, counters_);
      if (done) done = folder_.fold_within(counters_);
      if (!done) return done;
    }
    return tables_.apply(change);
  }

  std::string path_;
  FileLock lock_;
  Database database_;
  Database checkpointer_;
  Tables tables_{database_};
  JournalTable journal_{database_};
  DeadLetterTable dead_letters_{database_};
  Folder folder_{database_, tables_, journal_};
  Counters counters_;
  std::int64_t wal_pages_ = 0;  // after the last commit
};

}  // namespace

Result<std::unique_ptr<Store>> open(const std::string& path) {
  auto lock = FileLock::acquire(path);
  if (!lock) return std::unexpected(lock.error());
  drop_page_cache(path);
  auto database = Database::open(path, Mode::read_write);
  if (!database) return std::unexpected(database.error());
  if (auto done = migrate(*database, migrations()); !done) return std::unexpected(done.error());
  auto done = database->script("PRAGMA journal_mode=WAL");
  if (!done) return std::unexpected(done.error());
  auto checkpointer = Database::open(path, Mode::read_write);
  if (!checkpointer) return std::unexpected(checkpointer.error());
  auto store = std::make_unique<SqliteStore>(path, std::move(*lock), std::move(*database), std::move(*checkpointer));
  if (auto recovered = store->recover(); !recovered) return std::unexpected(recovered.error());
  return store;
}

}  // namespace tap::store::sqlite
