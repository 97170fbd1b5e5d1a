// SPDX-License-Identifier: MIT
// A disk that is full, a file that is locked, read-only or damaged: Tap says so, goes on when it can, and loses
// nothing.
#include "integration/tap_test.hpp"

#include <sqlite3.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

namespace tap::test {
namespace {

using ::testing::HasSubstr;

class DatabaseFaults : public TapTest {
 protected:
  using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
  [[nodiscard]] Connection open_database() const {
    sqlite3* handle = nullptr;
    const int status = sqlite3_open(database().c_str(), &handle);
    Connection connection(handle, &sqlite3_close);
    if (status != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(handle));
    return connection;
  }
  static void run(const Connection& connection, const char* sql) {
    if (sqlite3_exec(connection.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(connection.get()));
    }
  }
  static std::int64_t number(const Connection& connection, const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(connection.get(), sql.c_str(), -1, &statement, nullptr);
    const std::int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    return value;
  }
  /// Overwrites the first page of the table in the file.
  void damage(const std::string& table) const {
    std::int64_t page = 0;
    std::int64_t size = 0;
    {
      const auto connection = open_database();
      page = number(connection, "SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'");
      size = number(connection, "PRAGMA page_size");
    }
    ASSERT_GT(page, 1);
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((page - 1) * size);
    file << std::string(static_cast<std::size_t>(size), 'x');
  }
  /// Runs the program again with another binary in front, and waits until it has refused to start.
  std::string refusal(std::vector<std::string> in_front = {}) {
    auto arguments = usual_arguments();
    in_front.push_back(TAP_BINARY);
    arguments.insert(arguments.begin(), in_front.begin() + 1, in_front.end());
    TapProcess process({.binary = in_front.front(), .folder = folder_.path(), .arguments = arguments});
    EXPECT_EQ(process.wait_for_exit(), (ExitStatus{.code = 255}));
    return process.wait_for_line("exiting process").at("error");
  }
  void limit_files(rlim_t bytes) {
    const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    ASSERT_EQ(::prlimit(tap().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  void expect_sound() {
    TapProcess check(
        {.binary = TAP_BINARY, .folder = folder_.path(), .arguments = {"check", "--db-url", database_url()}});
    EXPECT_EQ(check.wait_for_exit(), (ExitStatus{.code = 0})) << check.errors();
  }
  Account followed(std::uint64_t number) {
    Account account(number);
    account.fill(20);
    onboard(account);
    return account;
  }
};

TEST_F(DatabaseFaults, FullDiskHoldsEverythingUpAndLosesNothing) {
  start();
  consume();
  Account alice = followed(1);
  // A limit of the files' size is as good as a full disk.
  limit_files(4'096);
  for (int i = 0; i < 20; ++i) send(alice.post());
  EXPECT_EQ(tap().wait_for_line("writing to the database fails").at("level"), "ERROR");
  EXPECT_EQ(get("/health").at("status"), "ok");
  EXPECT_EQ(told(alice).size(), 21U);
  limit_files(RLIM_INFINITY);
  await_records(alice);
  (void)tap().wait_for_line("writing to the database works again");
  EXPECT_EQ(pds_.requests(alice.did().str()), 1U) << "no repo has to be fetched again";
  await_undelivered(0);
  stop();
  expect_sound();
}

TEST_F(DatabaseFaults, DatabaseThatAnotherProcessLocksIsWaitedFor) {
  start();
  consume();
  Account alice = followed(1);
  {
    const auto other = open_database();
    run(other, "BEGIN IMMEDIATE");
    for (int i = 0; i < 20; ++i) send(alice.post());
    const auto line = tap().wait_for_line("writing to the database fails");
    EXPECT_THAT(line.at("error").get<std::string>(), HasSubstr("the database is in use by another process"));
    EXPECT_EQ(get("/health").at("status"), "ok");
  }
  await_records(alice);
  EXPECT_EQ(pds_.requests(alice.did().str()), 1U);
  await_undelivered(0);
  stop();
  expect_sound();
}

TEST_F(DatabaseFaults, StopDoesNotWaitForADatabaseThatStaysLocked) {
  start();
  consume();
  std::vector<Account> accounts;
  for (std::uint64_t number = 1; number <= 8; ++number) accounts.push_back(followed(number));
  const auto other = open_database();
  run(other, "BEGIN IMMEDIATE");
  for (Account& account : accounts) send(account.post());
  (void)tap().wait_for_line("writing to the database fails");
  tap().signal(SIGTERM);
  EXPECT_EQ(tap().wait_for_exit(std::chrono::seconds(45)), (ExitStatus{.code = 0}));
  run(other, "ROLLBACK");
  for (Account& account : accounts) publish_repo(account);
  drop_consumer();
  start();
  consume();
  for (Account& account : accounts) await_records(account);
}

TEST_F(DatabaseFaults, ReadOnlyFileOrFolderEndsTheStartWithAReason) {
  namespace fs = std::filesystem;
  start();
  stop();
  // Root may write everywhere, unless it gives that up.
  std::vector<std::string> in_front;
  if (::geteuid() == 0) in_front = {"/usr/bin/setpriv", "--inh-caps=-all", "--bounding-set=-all"};
  fs::permissions(database(), fs::perms::owner_read);
  EXPECT_THAT(refusal(in_front), HasSubstr("read-only"));
  fs::permissions(database(), fs::perms::owner_read | fs::perms::owner_write);
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(refusal(in_front), HasSubstr(database()));
  fs::permissions(folder_.path(), fs::perms::owner_all);
  start();
}

TEST_F(DatabaseFaults, DamagedPageThatTheStartNeedsEndsItWithAReason) {
  start();
  consume();
  (void)followed(1);
  stop();
  damage("repos");
  EXPECT_THAT(refusal(), HasSubstr("the database is corrupt"));
}

TEST_F(DatabaseFaults, DamagedPageThatIsMetLaterHoldsUpItsOwnWorkOnly) {
  start();
  consume();
  Account alice = followed(1);
  stop();
  drop_consumer();
  start();
  consume();
  damage("records");
  // Live commits need the index only when they are folded into it.
  for (int i = 0; i < 5; ++i) send(alice.post());
  await_records(alice);
  (void)alice.post();
  publish_repo(alice);
  send(alice.sync());
  EXPECT_THAT(tap().wait_for_line("fold of the journal fails").at("error").get<std::string>(),
              HasSubstr("the database is corrupt"));
  (void)tap().wait_for_line("a resync failed for trouble of our own");
  EXPECT_NE(state(alice), "active");
  EXPECT_EQ(get("/health").at("status"), "ok");
  stop();
}

}  // namespace
}  // namespace tap::test
