// SPDX-License-Identifier: MIT
// The program on PostgreSQL: backfill and live events, kill -9, and a server that goes away meanwhile.
#include "integration/tap_test.hpp"
#include "support/postgres_server.hpp"

namespace tap::test {
namespace {

class Postgres : public TapTest {
 protected:
  void SetUp() override {
    if (const std::string reason = PostgresServer::missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    postgres_server().sql("DROP SCHEMA IF EXISTS tap CASCADE; CREATE SCHEMA tap");
  }
  [[nodiscard]] std::string database_url() const override { return postgres_server().schema_url("tap"); }
};

TEST_F(Postgres, CarriesBackfillLiveEventsAndACrash) {
  Account alice(1);
  alice.fill(600);
  start();
  consume();
  onboard(alice);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10; ++i) send(alice.post());
    publish_repo(alice);
    crash();
    start();
    consume();
  }
  await_records(alice);
  await_undelivered(0);
  Account bob(2);
  bob.fill(3);
  onboard(bob);
  untrack(bob);
  stop();
}

TEST_F(Postgres, ServerThatGoesAwayCostsNothing) {
  Account alice(1);
  alice.fill(20);
  start();
  consume();
  onboard(alice);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) send(alice.post());
    postgres_server().stop();
    for (int i = 0; i < 20; ++i) send(alice.post());
    publish_repo(alice);
    postgres_server().start();
    await_records(alice);
  }
  await_state(alice, "active");
  await_undelivered(0);
  stop();
}

TEST_F(Postgres, MissingServerIsSaidAtTheStart) {
  postgres_server().stop();
  TapProcess& tap = launch();
  EXPECT_EQ(tap.wait_for_exit(), (ExitStatus{.code = 255}));
  EXPECT_THAT(tap.wait_for_line("exiting process").at("error").get<std::string>(),
              ::testing::HasSubstr("the database cannot be opened"));
  postgres_server().start();
}

}  // namespace
}  // namespace tap::test
