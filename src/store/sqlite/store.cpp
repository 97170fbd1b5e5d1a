// SPDX-License-Identifier: MIT
#include "store/sqlite/store.hpp"

#include "store/sqlite/dead_letter_table.hpp"
#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/journal_table.hpp"
#include "store/sqlite/original.hpp"
#include "store/sqlite/queries.hpp"
#include "store/sqlite/schema.hpp"
#include "store/sqlite/tables.hpp"

#include <functional>

namespace tap::store::sqlite {
namespace {

/// Free pages beyond this many, and beyond a quarter of the file, go back to the file system.
constexpr std::int64_t kSparePages = 4'096;
constexpr const char* kVacuumSlice = "PRAGMA incremental_vacuum(128)";
constexpr std::int64_t kPageBytes = 4'096;
/// Said once the repos are loaded: that scan would fill it with rows nobody looks at again, and what the pages leave
/// behind among the tables in memory never goes back to the system. 64 MB cost the live path 5 % less CPU.
constexpr const char* kWorkingCache = "PRAGMA cache_size=-16384";

class SqliteEngine final : public Engine {
 public:
  SqliteEngine(std::string path, FileLock lock, Database database, Database checkpointer)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        database_(std::move(database)),
        checkpointer_(std::move(checkpointer)) {
    sqlite3_wal_hook(
        database_.handle(),
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<SqliteEngine*>(self)->wal_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  /// Whoever holds queries has let go of them: the log goes away with the last connection.
  ~SqliteEngine() override {
    sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  }

  Result<void> transact(const std::function<Result<void>()>& work) override {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    auto done = work();
    if (done) done = transaction->commit();
    if (!done) tables_.forget();
    return done;
  }

  Result<outbox::EventId> append(JournalWriter& journal, Counters& counters) override {
    return journal_.append(journal, counters);
  }
  Result<void> append_changes(JournalWriter& journal, Counters& counters) override {
    return journal_.append_changes(journal, counters);
  }
  Result<void> acknowledge(std::span<const outbox::EventId> ids, const Counters& counters) override {
    return journal_.acknowledge(ids, counters);
  }
  Result<void> save_counters(const Counters& before, const Counters& now) override {
    return journal_.save_counters(before, now);
  }
  Result<void> apply(const Mutation& mutation) override {
    return apply_change(
        mutation, [this](const auto& change) -> decltype(tables_.apply(change)) { return tables_.apply(change); });
  }
  Result<void> fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections) override {
    return tables_.fold(repos, collections);
  }
  Result<void> release_changes(outbox::EventId before, outbox::EventId) override {
    journal_.sweep_from(before);
    return {};
  }
  Result<std::uint64_t> set_aside(const outbox::DeadLetter& letter) override { return dead_letters_.add(letter); }
  Result<std::uint64_t> drop_dead_letters(std::span<const outbox::EventId> ids) override {
    return dead_letters_.drop(ids);
  }

  Result<Counters> read_counters() override {
    auto counters = journal_.read_counters();
    if (!counters) return counters;
    auto letters = dead_letters_.count();
    if (!letters) return std::unexpected(letters.error());
    counters->dead_letters = *letters;
    return counters;
  }
  Result<void> each_repo(const std::function<void(RepoRow&)>& sink) override { return tables_.each_repo(sink); }
  Result<void> each_change(outbox::EventId from, const ChangeVisitor& visit) override {
    return journal_.each_change(from, visit);
  }
  Result<std::uint64_t> undelivered() override { return journal_.undelivered(); }
  Result<void> loaded() override { return database_.script(kWorkingCache); }

  Result<bool> sweep(const Counters& counters) override {
    auto more = journal_.sweep(counters);
    if (!more || *more) return more;
    return journal_.thin(counters);
  }
  Result<bool> vacuum() override {
    auto free = database_.value("PRAGMA freelist_count");
    if (!free) return std::unexpected(free.error());
    auto pages = database_.value("PRAGMA page_count");
    if (!pages) return std::unexpected(pages.error());
    if (**free <= kSparePages || **free <= **pages / 4) return false;
    // The original's files never give anything back, but to VACUUM.
    constexpr std::int64_t kIncremental = 2;
    auto mode = database_.value("PRAGMA auto_vacuum");
    if (!mode) return std::unexpected(mode.error());
    if (**mode != kIncremental) return false;
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
  std::string path_;
  FileLock lock_;
  Database database_;
  Database checkpointer_;
  Tables tables_{database_};
  JournalTable journal_{database_};
  DeadLetterTable dead_letters_{database_};
  std::int64_t wal_pages_ = 0;  // after the last commit
};

}  // namespace

Result<std::unique_ptr<Engine>> open(const std::string& path, const CursorNames& names) {
  auto lock = FileLock::acquire(path);
  if (!lock) return std::unexpected(lock.error());
  drop_page_cache(path);
  auto database = Database::open(path, Mode::read_write);
  if (!database) return std::unexpected(database.error());
  const auto version = version_of(*database);
  const bool is_original = !version && version.error() == Errc::older_schema;
  auto done = is_original ? import_original(*database, names, SystemClock()) : migrate(*database, migrations());
  if (done) done = database->script("PRAGMA journal_mode=WAL");
  if (!done) return std::unexpected(done.error());
  auto checkpointer = Database::open(path, Mode::read_write);
  if (!checkpointer) return std::unexpected(checkpointer.error());
  return std::make_unique<SqliteEngine>(path, std::move(*lock), std::move(*database), std::move(*checkpointer));
}

}  // namespace tap::store::sqlite
