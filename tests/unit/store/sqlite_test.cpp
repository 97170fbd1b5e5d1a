// SPDX-License-Identifier: MIT
#include "tap/store/store.hpp"

#include "store/sqlite/database.hpp"
#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/schema.hpp"
#include "unit/store/backends.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace tap::store {
namespace {

using sqlite::Database;
using sqlite::Mode;

class SqliteFile : public testing::Test {
 protected:
  Database raw() { return Database::open(path_, Mode::read_write).value(); }
  Errc open_error() {
    auto opened = open_store(path_);
    EXPECT_FALSE(opened);
    if (opened) return Errc{};
    message_ = opened.error().message();
    return static_cast<Errc>(opened.error().code().value());
  }

  ScratchFolder folder_;
  std::string path_ = folder_.file("tap.db");
  std::string message_;
};

TEST_F(SqliteFile, UrlsNameFiles) {
  EXPECT_TRUE(open_store("sqlite://" + path_));
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(open_store(path_));
  for (const char* url : {"", "sqlite://", "mysql://x/y"}) {
    auto opened = open_store(url);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error(), Errc::open_failed);
  }
  auto opened = open_store(folder_.file("no/such/folder/tap.db"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Errc::open_failed);
}

TEST_F(SqliteFile, EveryConnectionHasOurSettings) {
  auto store = open_store(path_).value();
  for (const Mode mode : {Mode::read_write, Mode::read_only, Mode::read_write}) {
    auto connection = Database::open(path_, mode).value();
    EXPECT_EQ(connection.value("PRAGMA busy_timeout").value(), 10'000);
    EXPECT_EQ(connection.value("PRAGMA synchronous").value(), 1);
  }
}

TEST_F(SqliteFile, ClosingLeavesOneFile) {
  {
    auto store = open_store(path_).value();
    ASSERT_TRUE(store->apply(std::vector{write_of({AddRepo{RepoId{1}, did_of(1)}})}, {}));
  }
  for (const char* suffix : {"-wal", "-shm", "-lock"}) EXPECT_FALSE(std::filesystem::exists(path_ + suffix)) << suffix;
}

TEST_F(SqliteFile, LockHasOneHolderHoweverManyComeAndGo) {
  std::atomic<int> holders{0};
  std::atomic<bool> shared{false};
  const auto come_and_go = [&] {
    for (int i = 0; i < 2'000; ++i) {
      const auto lock = sqlite::FileLock::acquire(path_);
      if (!lock) continue;
      if (++holders > 1) shared = true;
      std::this_thread::yield();
      --holders;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(come_and_go);
  }
  EXPECT_FALSE(shared);
}

TEST_F(SqliteFile, DatabaseOfTheFirstVersionIsBroughtForward) {
  {
    auto database = raw();
    ASSERT_TRUE(sqlite::migrate(database, sqlite::migrations().first(1)));
    ASSERT_TRUE(database.script("INSERT INTO cursors VALUES ('firehose', 'relay', '7')"));
  }
  auto store = open_store(path_).value();
  EXPECT_EQ(store->queries().value()->cursor("firehose", "relay"), "7");
  EXPECT_EQ(store->dead_letters(), 0U);
  ASSERT_TRUE(store->apply(std::vector{write_of({SetAside{letter(1, "a")}})}, {}));
  EXPECT_EQ(store->dead_letters(), 1U);
}

TEST_F(SqliteFile, NewerSchemaIsRefused) {
  open_store(path_).value().reset();
  ASSERT_TRUE(raw().script("UPDATE meta SET value = 99 WHERE key = 'schema_version'"));
  EXPECT_EQ(open_error(), Errc::newer_schema);
  EXPECT_NE(message_.find("99"), std::string::npos);
}

TEST_F(SqliteFile, ForeignDatabaseIsRefusedAndUntouched) {
  ASSERT_TRUE(raw().script("CREATE TABLE meta (a, b); CREATE TABLE songs (title)"));
  EXPECT_EQ(open_error(), Errc::foreign_schema);
  ASSERT_TRUE(raw().script("DROP TABLE meta"));
  EXPECT_EQ(open_error(), Errc::foreign_schema);
  auto database = raw();
  EXPECT_EQ(database.value("SELECT count(*) FROM sqlite_schema").value(), 1);
}

TEST_F(SqliteFile, GarbageIsRefused) {
  std::ofstream(path_) << std::string(10'000, 'x');
  EXPECT_EQ(open_error(), Errc::corrupt);
}

TEST_F(SqliteFile, CorruptRowIsAnErrorNotACrash) {
  {
    auto store = open_store(path_).value();
    ASSERT_TRUE(store->apply(std::vector{write_of({AddRepo{RepoId{1}, did_of(1)}}, {draft("a")})}, {}));
  }
  ASSERT_TRUE(raw().script("UPDATE journal SET events = x'00', count = 3; UPDATE repos SET did = 'no did'"));
  {
    auto store = open_store(path_).value();
    EXPECT_EQ(store->load_repos([](const RepoRow&) {}).error(), Errc::corrupt);
    EXPECT_EQ(store->queries().value()->events(outbox::EventId{}, 9).error(), Errc::corrupt);
  }
  ASSERT_TRUE(raw().script("UPDATE journal SET changes = x'ff'"));
  EXPECT_EQ(open_error(), Errc::corrupt);
}

TEST_F(SqliteFile, FullDiskFailsTheWriteWholeAndPasses) {
  auto store = open_store(path_).value();
  auto queries = store->queries().value();
  ASSERT_TRUE(store->apply(std::vector{write_of({AddRepo{RepoId{1}, did_of(1)}}, {draft("before")})}, {}));
  // A file size limit is as good as a full disk; SIGXFSZ would end us.
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit low = old;
  low.rlim_cur = 256 << 10;
  setrlimit(RLIMIT_FSIZE, &low);
  const auto failed = store->apply(
      std::vector{write_of({AddRepo{RepoId{2}, did_of(2)}}, {draft(std::string(std::size_t{1} << 20, 'x'))})}, {});
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_FALSE(failed);
  EXPECT_EQ(store->undelivered().value(), 1U);
  EXPECT_EQ(store->last_repo().value(), RepoId{1});
  auto after = store->apply(std::vector{write_of({AddRepo{RepoId{2}, did_of(2)}}, {draft("after")})}, {});
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(queries->events(outbox::EventId{}, 9)->size(), 2U);
}

TEST_F(SqliteFile, FailedTransactionLeavesMemoryAsItWas) {
  open_store(path_).value().reset();
  ASSERT_TRUE(raw().script(kPoison));
  auto store = open_store(path_).value();
  ASSERT_TRUE(store->apply(std::vector{write_of({AddRepo{RepoId{1}, did_of(1)}, AddRepo{RepoId{2}, did_of(2)}})}, {}));
  ASSERT_TRUE(store->apply(
      std::vector{write_of({AdvanceHead{RepoId{1}, head_of(1, 1), {put("a.b.c", "x", 1)}}}, {draft("one")})}, {}));
  // What comes before the poison folds, interns a collection, and takes ids.
  auto failed = store->apply(
      std::vector{write_of({AddRepo{RepoId{9}, did_of(9)}, PutRecords{RepoId{1}, {put("new.col.lection", "y", 1)}},
                            AdvanceHead{RepoId{2}, head_of(2, 2), {}}, SaveCursor{"firehose", "r", "poison"}},
                           {draft("two")})},
      {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), Errc::failed);
  EXPECT_EQ(store->last_repo().value(), RepoId{2});
  EXPECT_EQ(store->unfolded(), 1U);
  EXPECT_TRUE(store->has_unfolded(RepoId{1}));
  const auto next = store->next_event();
  EXPECT_EQ(store->apply(
                std::vector{write_of({PutRecords{RepoId{2}, {put("new.col.lection", "z", 1)}}}, {draft("three")})}, {}),
            next);
  ASSERT_TRUE(store->fold());
  auto queries = store->queries().value();
  EXPECT_EQ(queries->records(RepoId{2}, "new.col.lection", "", 9)->size(), 1U);
  EXPECT_EQ(queries->records(RepoId{1}, "a.b.c", "", 9)->size(), 1U);
  EXPECT_EQ(queries->records(RepoId{1}, "new.col.lection", "", 9)->size(), 0U);
}

/// So many megabytes of events.
std::vector<outbox::EventId> fill(Store& store, int megabytes) {
  std::vector<outbox::EventId> ids;
  for (int i = 0; i < megabytes; ++i) {
    const auto id = store.apply(std::vector{write_of({}, {draft(std::string(std::size_t{1} << 20, 'x'))})}, {});
    ids.push_back(id.value());
  }
  return ids;
}

TEST_F(SqliteFile, FreeSpaceGoesBackToTheFileSystem) {
  auto store = open_store(path_).value();
  const auto acked = fill(*store, 60);
  ASSERT_TRUE(store->checkpoint());
  const auto full = std::filesystem::file_size(path_);
  EXPECT_EQ(store->vacuum().value(), false) << "nothing is free";
  ASSERT_TRUE(store->apply({}, acked));
  ASSERT_TRUE(store->fold());
  while (store->vacuum().value()) {
  }
  ASSERT_TRUE(store->checkpoint());
  EXPECT_LT(std::filesystem::file_size(path_), full / 2);
}

TEST_F(SqliteFile, FileThatCannotGiveSpaceBackIsNotAskedForIt) {
  open_store(path_).value().reset();
  ASSERT_TRUE(raw().script("PRAGMA auto_vacuum=NONE; VACUUM;"));  // as the original makes its files
  auto store = open_store(path_).value();
  const auto acked = fill(*store, 60);
  ASSERT_TRUE(store->apply({}, acked));
  ASSERT_TRUE(store->fold());
  EXPECT_EQ(store->vacuum().value(), false);
}

TEST_F(SqliteFile, RowsThatAreDoneWithAreSweptAlsoAfterACrash) {
  {
    auto store = open_store(path_).value();
    const std::string large(std::size_t{1} << 20, 'x');
    for (std::uint64_t i = 0; i < 10; ++i) {
      ASSERT_TRUE(store->apply(
          std::vector{write_of({AdvanceHead{RepoId{1}, head_of(i, i), {put("a.b.c", large, i)}}}, {})}, {}));
    }
    ASSERT_TRUE(store->apply(std::vector{write_of({}, {draft("x")})}, {}));
    ASSERT_TRUE(store->fold_slice(1));  // folded; it ends before the first sweep
  }
  auto rows = [this] { return raw().value("SELECT count(*) FROM journal").value(); };
  EXPECT_EQ(rows(), 11);
  auto store = open_store(path_).value();
  int steps = 1;
  for (; store->sweep().value(); ++steps) {
  }
  EXPECT_GT(steps, 2) << "a few at a time";
  EXPECT_EQ(rows(), 1);
  EXPECT_EQ(raw().value("SELECT count(*) FROM journal_acks").value(), 0);
  EXPECT_EQ(store->undelivered(), 1U);
}

TEST_F(SqliteFile, EventThatNobodyTakesDoesNotKeepItsNeighboursOnDisk) {
  auto store = open_store(path_).value();
  std::vector<outbox::Draft> drafts(200, draft(std::string(1'000, 'x')));
  ASSERT_TRUE(store->apply(std::vector{write_of({}, drafts)}, {}));
  std::vector<outbox::EventId> acked;
  for (std::uint64_t id = 1; id <= 200; ++id) {
    if (id != 77) acked.push_back(outbox::EventId{id});
  }
  ASSERT_TRUE(store->apply({}, acked));
  const auto bytes = [this] { return raw().value("SELECT sum(length(events)) FROM journal").value(); };
  ASSERT_TRUE(store->fold());
  EXPECT_GT(bytes(), 200'000) << "new rows are left alone: they are about to be acked";
  ASSERT_TRUE(store->fold());
  EXPECT_LT(bytes(), 1'100);
  EXPECT_EQ(raw().value("SELECT id FROM journal").value(), 77);
  EXPECT_EQ(raw().value("SELECT count(*) FROM journal_acks").value(), 0);
  EXPECT_EQ(store->undelivered(), 1U);
}

TEST_F(SqliteFile, EventsLeaveTheJournalWithTheirAckAndChangesWithTheFold) {
  auto store = open_store(path_).value();
  auto rows = [this] { return raw().value("SELECT count(*) FROM journal").value(); };
  const auto event =
      store->apply(std::vector{write_of({AdvanceHead{RepoId{1}, head_of(1, 1), {}}}, {draft("x")})}, {}).value();
  EXPECT_EQ(rows(), 2);
  ASSERT_TRUE(store->apply({}, std::vector{event}));
  EXPECT_EQ(rows(), 1);
  EXPECT_EQ(store->unfolded(), 1U);
  ASSERT_TRUE(store->fold());
  EXPECT_EQ(rows(), 0);
}

TEST_F(SqliteFile, DeletedBytesAreNotOverwritten) { EXPECT_EQ(raw().value("PRAGMA secure_delete").value(), 0); }

TEST_F(SqliteFile, LogShrinksAfterACheckpoint) {
  auto store = open_store(path_).value();
  fill(*store, 8);
  EXPECT_GT(store->log_bytes(), std::uint64_t{8} << 20);
  ASSERT_TRUE(store->checkpoint());
  ASSERT_TRUE(store->apply(std::vector{write_of({}, {draft("x")})}, {}));
  EXPECT_LT(store->log_bytes(), std::uint64_t{1} << 20);
}

constexpr std::array<const char*, 2> kTwoSteps = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER); INSERT INTO meta VALUES ('schema_version', 1);"
    "CREATE TABLE a (x);",
    "INSERT INTO a VALUES (1); ALTER TABLE a ADD COLUMN y DEFAULT 5;"};
constexpr std::array<const char*, 3> kThreeSteps = {kTwoSteps[0], kTwoSteps[1], "CREATE TABLE b (x); SELECT nonsense;"};

TEST_F(SqliteFile, MigrationsGoForwardFromAnyVersion) {
  auto database = raw();
  ASSERT_TRUE(sqlite::migrate(database, std::span(kTwoSteps).first(1)));
  ASSERT_TRUE(sqlite::migrate(database, kTwoSteps));
  EXPECT_EQ(database.value("SELECT y FROM a").value(), 5);
  ASSERT_TRUE(sqlite::migrate(database, kTwoSteps));
  EXPECT_EQ(database.value("SELECT count(*) FROM a").value(), 1) << "each step once";
}

TEST_F(SqliteFile, FailedMigrationLeavesTheOldVersion) {
  auto database = raw();
  ASSERT_TRUE(sqlite::migrate(database, std::span(kTwoSteps).first(1)));
  EXPECT_FALSE(sqlite::migrate(database, kThreeSteps));
  EXPECT_EQ(database.value("SELECT value FROM meta WHERE key = 'schema_version'").value(), 1);
  EXPECT_EQ(database.value("SELECT count(*) FROM a").value(), 0);
}

}  // namespace
}  // namespace tap::store
