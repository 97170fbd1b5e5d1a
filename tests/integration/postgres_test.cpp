// SPDX-License-Identifier: MIT
// The program on PostgreSQL: backfill and live events, kill -9, and a server that goes away meanwhile.
#include "integration/outage_test.hpp"
#include "support/postgres_server.hpp"
#include "support/process/metrics.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace tap::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::Property;

class Postgres : public OutageTest {
 protected:
  void SetUp() override {
    if (const std::string reason = PostgresServer::missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    postgres_server().sql("DROP SCHEMA IF EXISTS tap CASCADE; CREATE SCHEMA tap");
  }
  [[nodiscard]] std::string database_url() const override {
    return postgres_server().url("&options=-csearch_path%3Dtap", role_) + connect_timeout_;
  }
  /// From now on it is launched as a role that may have one connection, and is no superuser.
  void have_one_connection() {
    postgres_server().sql(
        "DROP ROLE IF EXISTS loner; CREATE ROLE loner LOGIN CONNECTION LIMIT 1; ALTER SCHEMA tap OWNER TO loner");
    role_ = "loner";
  }
  /// Ends the one session that it has.
  void end_session() {
    EXPECT_EQ(postgres_server().sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = "
                                    "'loner'"),
              "t");
  }

  std::string connect_timeout_;  // part of the URL
  std::string role_ = "postgres";
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

class PostgresOutage : public Postgres {};

TEST_F(PostgresOutage, ServerThatGoesAwayUnderLoadCostsNothing) {
  start();
  consume();
  onboard_accounts(4);
  std::size_t noticed = 0;
  for (const int signal : {SIGQUIT, SIGINT, SIGKILL, SIGKILL}) {
    send_more(200);
    postgres_server().stop(signal);
    send_more(200);
    wait_for("the loss is noticed", [&] { return losses() > noticed; });
    noticed = losses();
    postgres_server().start();
    send_more(50);
    await_all();
  }
  expect_each_commit_once();
  await_undelivered(0);
  stop();
}

TEST_F(PostgresOutage, TableThatAnotherProgramLocksUnderLoadIsWaitedForWithoutAnError) {
  start();
  consume();
  onboard_accounts(4);
  {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> other(PQconnectdb(database_url().c_str()), &PQfinish);
    PQclear(PQexec(other.get(), "BEGIN; LOCK TABLE journal"));
    ASSERT_EQ(PQtransactionStatus(other.get()), PQTRANS_INTRANS) << PQerrorMessage(other.get());
    send_more(200);
    wait_for("the writer waits", [] {
      return postgres_server().sql(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                 "application_name LIKE 'tap-%'") == "1";
    });
    EXPECT_EQ(get("/health").at("status"), "ok");
  }
  await_all();
  expect_each_commit_once();
  EXPECT_EQ(losses(), 0U);
  await_undelivered(0);
  stop();
}

/// A disk that is full, an operator who allows no writes, or damage: the server is there, and refuses.
struct Refusal {
  const char* name;
  const char* sqlstate;
  const char* reason;  ///< a part of what the log says
};

class PostgresRefusal : public PostgresOutage, public ::testing::WithParamInterface<Refusal> {
 protected:
  static void refuse_writes() {
    postgres_server().sql(
        std::string("SET search_path = tap; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN RAISE 'so it is' USING ERRCODE = '") +
        GetParam().sqlstate + "'; END $$; CREATE TRIGGER refuse BEFORE UPDATE ON meta EXECUTE FUNCTION refuse()");
  }
  static void allow_writes() { postgres_server().sql("DROP FUNCTION tap.refuse CASCADE"); }
};

TEST_P(PostgresRefusal, UnderLoadHoldsEverythingUpAndLosesNothing) {
  start();
  consume();
  onboard_accounts(4);
  await_undelivered(0);
  refuse_writes();
  send_more(40);
  EXPECT_THAT(tap().wait_for_line("writing to the database fails").at("error").get<std::string>(),
              AllOf(HasSubstr(GetParam().reason), HasSubstr("so it is")));
  EXPECT_EQ(get("/health").at("status"), "ok");
  EXPECT_THAT(log_.all(), Each(Property(&Event::is_live, false))) << "what is not durable is told to nobody";
  allow_writes();
  await_all();
  (void)tap().wait_for_line("writing to the database works again");
  expect_each_commit_once();
  await_undelivered(0);
  stop();
}

INSTANTIATE_TEST_SUITE_P(Of, PostgresRefusal,
                         ::testing::Values(Refusal{"Full", "53100", "no space left for the database"},
                                           Refusal{"ReadOnly", "25006", "the database is read-only"},
                                           Refusal{"Corrupt", "XX001", "the database is corrupt"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(PostgresOutage, RoleOfOneConnectionThatIsEndedUnderLoadCostsNothing) {
  have_one_connection();
  start({"--max-db-conn", "1"});
  consume();
  onboard_accounts(4);
  for (int round = 0; round < 5; ++round) {
    send_more(200);
    end_session();
    send_more(50);
    await_all();
  }
  expect_each_commit_once();
  await_undelivered(0);
  stop();
}

TEST_F(PostgresOutage, ServerThatHangsStopsTheReadingOfTheFirehoseAndCostsNothing) {
  connect_timeout_ = "&connect_timeout=2";
  start({"--metrics-listen", "127.0.0.1:0"});
  const auto metrics_port = tap().wait_for_line("serving metrics").at("port").get<std::uint16_t>();
  const auto metric = [&](const std::string& series) { return value_of(scrape(metrics_port), series).value(); };
  consume();
  onboard_accounts(10);
  send_more(200);
  await_all();
  postgres_server().hang();
  send_more(6'000);
  EXPECT_EQ(get("/health").at("status"), "ok");
  wait_for("it is given up", [&] { return losses() > 0; });
  // So many events are in work, and what comes behind them stays in the network.
  EXPECT_EQ(metric("tap_queue_depth{queue=\"lanes\"}"), metric("tap_queue_capacity{queue=\"lanes\"}"));
  EXPECT_LT(metric("tap_firehose_events_received_total"), 200 + 6'000);
  EXPECT_EQ(get("/health").at("status"), "ok");
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), accounts_.size());
  postgres_server().go_on();
  send_more(200);
  await_all();
  expect_each_commit_once();
  await_undelivered(0);
  stop();
}

TEST_F(Postgres, DatabaseThatIsGoneEndsTheProcess) {
  Account alice(1);
  alice.fill(5);
  start();
  publish(alice);
  track(alice);
  await_state(alice, "active");
  postgres_server().sql("DROP SCHEMA tap CASCADE");
  send(alice.post());
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 1}));
  EXPECT_THAT(tap().wait_for_line("service error").at("error").get<std::string>(),
              AllOf(HasSubstr("no longer as this process left it"), HasSubstr("does not exist")));
  for (const std::string& line : tap().all_lines()) {
    EXPECT_THAT(line, Not(AllOf(HasSubstr("could not stop in order"), HasSubstr("events in flight"))))
        << "what can never be written is not waited for";
  }
}

TEST_F(Postgres, ConnectionsStayWithinTheirBound) {
  const auto connections = [] {  // by their names: of the question before this one a session may be left
    return std::stoi(
        postgres_server().sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
                              "application_name LIKE 'tap%'"));
  };
  std::uint64_t number = 0;
  for (const auto& [setting, bound] : {std::pair{"1", 1}, {"2", 2}, {"3", 3}, {"32", 3}}) {
    wait_for("an empty server", [&] { return connections() == 0; });
    start({"--max-db-conn", setting});
    consume();
    int most = 0;
    Account account(++number);
    account.fill(5'000);
    publish(account);
    track(account);
    wait_for("the backfill", [&] {
      most = std::max(most, connections());
      return records_of(log_.all(), account.did().str()).size() == 5'000;
    });
    EXPECT_GE(most, std::min(bound, 2));
    EXPECT_LE(most, bound) << "of " << setting;
    stop();
    drop_consumer();
  }
}

TEST_F(Postgres, RoleOfOneConnectionIsEnough) {
  have_one_connection();
  start({"--max-db-conn", "1"});
  consume();
  Account alice(1);
  alice.fill(600);
  onboard(alice);
  for (int i = 0; i < 50; ++i) send(alice.post());
  await_records(alice);
  (void)alice.post();  // the relay lost it
  const CommitMessage next = alice.post();
  publish_repo(alice);
  send(next);
  await_records(alice);
  await_state(alice, "active");
  EXPECT_EQ(get("/stats/resync-buffer").at("resync_buffer"), 0);
  EXPECT_EQ(get("/stats/record-count").at("record_count"), 652);
  EXPECT_EQ(postgres_server().sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'loner'"), "1");
  EXPECT_THAT(tap().lines(), Each(Not(HasSubstr("max-db-conn"))));
  crash();
  start({"--max-db-conn", "1"});
  consume();
  send(alice.post());
  await_records(alice);
  await_undelivered(0);
  stop();
}

TEST_F(Postgres, ChangedDatabaseThatOnlyAReaderNoticesEndsTheProcess) {
  have_one_connection();
  start({"--max-db-conn", "1"});
  Account alice(1);
  alice.fill(5);
  publish(alice);
  track(alice);
  await_state(alice, "active");
  stop();
  start({"--max-db-conn", "1", "--outbox-only"});
  wait_for("a writer that has nothing to do",
           [] { return postgres_server().sql("SELECT folded = next_event FROM tap.meta") == "t"; });
  postgres_server().sql("UPDATE tap.meta SET batch = batch + 2");
  end_session();
  try {
    EXPECT_NE(http_call(port(), {.target = "/info/" + alice.did().str()}).status, 200);
  } catch (const std::exception&) {  // what is read at the start may come first
  }
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 1}));
  EXPECT_THAT(tap().wait_for_line("service error").at("error").get<std::string>(),
              HasSubstr("no longer as this process left it"));
}

TEST_F(Postgres, DatabaseThatForbidsItIsNamedButNotThePassword) {
  postgres_server().sql("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA tap TO guest");
  const std::string url = postgres_server().url("&password=sesame&options=-csearch_path%3Dtap", "guest");
  for (const auto& [options, reason] : {std::pair{"", "permission denied for schema tap"},
                                        {"%20-cdefault_transaction_read_only%3Don", "the database is read-only"}}) {
    TapProcess& tap = launch({"--db-url", url + options});
    EXPECT_EQ(tap.wait_for_exit(), (ExitStatus{.code = 255}));
    EXPECT_THAT(tap.wait_for_line("exiting process").at("error").get<std::string>(),
                AllOf(HasSubstr(reason), HasSubstr("database postgres"), HasSubstr("guest")));
    EXPECT_THAT(tap.lines(), Each(Not(HasSubstr("sesame"))));
  }
  postgres_server().sql("DROP OWNED BY guest; DROP ROLE guest");
}

TEST_F(Postgres, MissingServerIsSaidAtTheStart) {
  postgres_server().stop();
  TapProcess& tap = launch();
  EXPECT_EQ(tap.wait_for_exit(), (ExitStatus{.code = 255}));
  EXPECT_THAT(tap.wait_for_line("exiting process").at("error").get<std::string>(),
              HasSubstr("the database cannot be opened"));
  postgres_server().start();
}

}  // namespace
}  // namespace tap::test
