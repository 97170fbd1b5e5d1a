// SPDX-License-Identifier: MIT
// The command tap check, on a database that the program made.
#include "integration/tap_test.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

namespace tap::test {
namespace {

using ::testing::HasSubstr;

class Check : public TapTest {
 protected:
  /// What `tap check` on this database ends with.
  ExitStatus check(const std::string& database) {
    TapProcess process({.binary = TAP_BINARY, .folder = folder_.path(), .arguments = {"check", "--db-url", database}});
    const ExitStatus status = process.wait_for_exit();
    errors_ = process.errors();
    return status;
  }
  void damage() {
    sqlite3* handle = nullptr;
    sqlite3_open(database().c_str(), &handle);
    EXPECT_EQ(sqlite3_exec(handle, "UPDATE repos SET did = 'alice'", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  }

  std::string errors_;
};

TEST_F(Check, SaysByItsStatusWhatItFound) {
  Account alice(1);
  alice.fill(20);
  EXPECT_EQ(check(database_url()), (ExitStatus{.code = 2}));
  EXPECT_THAT(errors_, HasSubstr("could not be checked: the database cannot be opened"));
  start();
  consume();
  onboard(alice);
  EXPECT_EQ(check(database_url()), (ExitStatus{.code = 0})) << "while it runs";
  crash();
  EXPECT_EQ(check(database_url()), (ExitStatus{.code = 0})) << "what a crash left";
  damage();
  EXPECT_EQ(check(database_url()), (ExitStatus{.code = 1}));
}

}  // namespace
}  // namespace tap::test
