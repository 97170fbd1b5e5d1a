// SPDX-License-Identifier: MIT
// The program as its operator sees it: start, exit status, passwords, metrics, and what it refuses.
#include "integration/tap_test.hpp"

#include <sqlite3.h>

#include <csignal>
#include <memory>
#include <stdexcept>

namespace tap::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class Process : public TapTest {
 protected:
  /// Its last line, which says why it went.
  [[nodiscard]] nlohmann::json last_line() { return nlohmann::json::parse(tap().lines().back()); }
  void expect_refusal(const std::string& reason) {
    EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 255}));
    const auto line = tap().wait_for_line("exiting process");
    EXPECT_EQ(line.at("level"), "ERROR");
    EXPECT_THAT(line.at("error").get<std::string>(), HasSubstr(reason));
  }
  using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
  /// What was said to it holds until the connection is gone.
  Connection edit_database(const std::string& sql) const {
    sqlite3* opened = nullptr;
    const int status = sqlite3_open(database().c_str(), &opened);
    Connection handle(opened, &sqlite3_close);
    if (status != SQLITE_OK || sqlite3_exec(opened, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(opened));
    }
    return handle;
  }
};

TEST_F(Process, EndsWithZeroOnSigterm) {
  start();
  stop();
}

TEST_F(Process, EndsWithZeroOnSigint) {
  start();
  tap().signal(SIGINT);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 0}));
}

/// As it is in a long migration or import. Nobody else than the handler could hear of it.
TEST_F(Process, SignalWhileItWaitsForItsDatabaseEndsItAtOnce) {
  start();
  stop();
  const auto holder = edit_database("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  launch();
  (void)tap().wait_for_line("creating tap service");
  tap().signal(SIGTERM);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 0})) << "it has waited to the end, and failed";
}

TEST_F(Process, SecondSignalEndsItThoughAnEventIsUnderWay) {
  Account alice(1);
  alice.fill(1);
  start();
  consume();
  onboard(alice);
  // Its key is looked up anew, and never found: the shutdown would wait ten seconds for it.
  plc_.answer_all(Reply{.fault = Fault::hang});
  send(alice.identity());
  const std::int64_t last = send(alice.post());
  ASSERT_TRUE(plc_.server().wait_for_hanging(1));
  wait_for("the post", [&] { return get("/stats/cursors").at("firehose") == last; });
  tap().signal(SIGTERM);
  (void)tap().wait_for_line("shutting down");
  tap().signal(SIGTERM);
  EXPECT_EQ(tap().wait_for_exit(std::chrono::seconds(5)), (ExitStatus{.code = 1}));
}

TEST_F(Process, FailsWhenItsAddressIsTaken) {
  start();
  TemporaryFolder other;
  auto arguments = usual_arguments();
  arguments[2] = "sqlite://" + (other.path() / "tap.db").string();
  arguments[4] = "127.0.0.1:" + std::to_string(port());
  TapProcess second({.binary = TAP_BINARY, .folder = other.path(), .arguments = arguments});
  EXPECT_EQ(second.wait_for_exit(), (ExitStatus{.code = 1}));
  EXPECT_EQ(second.wait_for_line("service error").at("level"), "ERROR");
}

TEST_F(Process, BadConfigurationIsOneLineOfJson) {
  launch({"--plc-url", "ftp://nowhere"});
  expect_refusal("plc-url must start with http:// or https://");
  EXPECT_THAT(tap().lines(), SizeIs(1));
}

TEST_F(Process, UnreadableFlagIsSaidOnStandardError) {
  launch({"--retry-timeout", "soon"});
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 255}));
  EXPECT_THAT(tap().errors(), HasSubstr("could not parse \"soon\""));
}

TEST_F(Process, DatabaseInAMissingFolderIsRefused) {
  launch({"--db-url", "sqlite:///nowhere/at/all/tap.db"});
  expect_refusal("/nowhere/at/all/tap.db");
}

TEST_F(Process, DatabaseOfAnOldOriginalIsRefused) {
  edit_database("CREATE TABLE repos (did TEXT PRIMARY KEY); CREATE TABLE outbox_buffers (id INTEGER PRIMARY KEY)");
  launch();
  expect_refusal("older version of the original Tap: it has no repos.state");
}

TEST_F(Process, NewerDatabaseIsRefused) {
  start();
  stop();
  edit_database("UPDATE meta SET value = 99 WHERE key = 'schema_version'");
  launch();
  expect_refusal("99");
}

TEST_F(Process, SecondOneOnTheSameDatabaseIsRefused) {
  start();
  TemporaryFolder other;
  TapProcess second({.binary = TAP_BINARY, .folder = other.path(), .arguments = usual_arguments()});
  EXPECT_EQ(second.wait_for_exit(), (ExitStatus{.code = 255}));
  EXPECT_EQ(second.wait_for_line("exiting process").at("level"), "ERROR");
  EXPECT_EQ(get("/health").at("status"), "ok");
}

TEST_F(Process, OutboxOnlyDeliversWhatIsStoredWithoutARelay) {
  Account alice(1);
  alice.fill(20);
  publish(alice);
  start();
  track(alice);
  await_state(alice, "active");
  await_undelivered(21);
  stop();

  const std::size_t subscriptions = relay_.cursors().size();
  start({"--outbox-only"});
  consume();
  await_records(alice);
  await_undelivered(0);
  EXPECT_EQ(relay_.cursors().size(), subscriptions);
}

TEST_F(Process, RestartContinuesWithoutRepeats) {
  const std::vector<std::string> saves_at_the_stop_only = {"--cursor-save-interval", "1h"};
  Account alice(1);
  alice.fill(20);
  start(saves_at_the_stop_only);
  consume();
  onboard(alice);
  std::int64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) last = send(alice.post());
    await_records(alice);
    await_undelivered(0);
    stop();
    drop_consumer();
    start(saves_at_the_stop_only);
    EXPECT_EQ(relay_.cursors().back(), last);
    consume();
  }
  send(alice.post());
  await_records(alice);
  EXPECT_EQ(log_.all().size(), 52U);
  EXPECT_EQ(ids_of(log_.all()).size(), 52U);
}

TEST_F(Process, FollowsAlsoWhenMoreWaitsThanItsOutboxHolds) {
  const std::vector<std::string> small = {"--outbox-capacity", "100"};
  Account alice(1);
  alice.fill(120);
  publish(alice);
  start(small);
  track(alice);
  await_state(alice, "active");
  stop();
  start(small);
  for (int i = 0; i < 10; ++i) send(alice.post());
  await_undelivered(131);  // with the identity event; nobody has taken any
  consume();
  await_records(alice);
  await_undelivered(0);
}

TEST_F(Process, PasswordIsAskedForOnEveryPath) {
  const std::string good = basic_authorization("admin", "secret");
  start({"--admin-password", "secret"});
  for (const std::string target : {"/health", "/channel", "/info/did:plc:x", "/stats/repo-count", "/nowhere"}) {
    for (const std::string& headers :
         {std::string(), basic_authorization("admin", "wrong"), basic_authorization("root", "secret")}) {
      const auto answer = http_call(port(), {.target = target, .headers = headers});
      EXPECT_EQ(answer.status, 401) << target;
      EXPECT_THAT(answer.body, HasSubstr("atproto admin auth required")) << target;
    }
    EXPECT_NE(http_call(port(), {.target = target, .headers = good}).status, 401) << target;
  }
  EXPECT_EQ(http_call(port(), {.method = "POST", .target = "/repos/add", .body = "{}"}).status, 401);
  EXPECT_THROW(Consumer(port(), log_), std::runtime_error);
  Consumer welcome(port(), log_, {.headers = good});
  welcome.ping("in");
}

TEST_F(Process, MetricsHaveTheNamesOfTheOriginal) {
  // A port that was free a moment ago: the metrics server does not say which one it took.
  const auto free_port = [] {
    const HttpServer passing([](const HttpRequest&) { return Reply(); });
    return passing.port();
  }();
  Account alice(1);
  alice.fill(5);
  start({"--metrics-listen", "127.0.0.1:" + std::to_string(free_port)});
  consume();
  onboard(alice);
  send(alice.post());
  await_records(alice);
  await_undelivered(0);

  const std::string text = http_call(free_port, {.target = "/metrics"}).body;
  for (const std::string name :
       {"tap_firehose_events_received_total 1", "tap_firehose_events_processed_total 1",
        "tap_firehose_events_skipped_total 0", "tap_firehose_last_seq 1", "tap_event_cache_size 0",
        "tap_resyncs_started_total 1", "tap_resyncs_completed_total 1", "tap_resyncs_failed_total 0",
        "tap_resync_duration_seconds_bucket{le=\"0.1\"}", "tap_events_delivered_total 7", "tap_events_acked_total 7"}) {
    EXPECT_THAT(text, HasSubstr("\n" + name));
  }
}

}  // namespace
}  // namespace tap::test
