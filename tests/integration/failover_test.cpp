// SPDX-License-Identifier: MIT
// The PostgreSQL server dies for good, and its standby takes over: with both hosts in the URL Tap goes on by itself.
#include "integration/outage_test.hpp"
#include "support/postgres_server.hpp"
#include "support/process/check.hpp"

#include <csignal>
#include <optional>

namespace tap::test {
namespace {

using testing::HasSubstr;

/// A primary and its standby. Replication is synchronous: what the primary confirms Tap delivers, so the standby has to
/// have it. A standby that lags behind forgets events that consumers know (see the last test).
class Failover : public OutageTest {
 protected:
  void SetUp() override {
    if (const std::string reason = PostgresServer::missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    primary_.emplace();
    primary_->sql("CREATE SCHEMA tap");
    standby_.emplace(PostgresServer::StandbyOf{*primary_});
    // Not before: it would wait for a standby that is being made.
    replicate("*");
    wait_for("a synchronous standby",
             [&] { return primary_->sql("SELECT sync_state FROM pg_stat_replication") == "sync"; });
  }
  [[nodiscard]] std::string database_url() const override {
    return "postgresql:///postgres?host=" + primary_->host() + "," + standby_->host() +
           "&user=postgres&target_session_attrs=read-write&options=-csearch_path%3Dtap";
  }
  /// The primary waits for a standby of this name before it confirms; for none, if there is no name.
  void replicate(const std::string& name) const {
    primary_->sql("ALTER SYSTEM SET synchronous_standby_names = '" + name + "'");
    primary_->sql("SELECT pg_reload_conf()");
  }

  /// The process at the primary's end of the replication, or at the standby's.
  [[nodiscard]] pid_t sender() const { return std::stoi(primary_->sql("SELECT pid FROM pg_stat_replication")); }
  [[nodiscard]] pid_t receiver() const { return std::stoi(standby_->sql("SELECT pid FROM pg_stat_wal_receiver")); }
  /// The primary dies as it stands, and so does what it has not sent yet.
  void kill_unsent(pid_t sender) {
    primary_->hang();  // nobody is to notice that the sender goes first
    ::kill(sender, SIGKILL);
    primary_->stop();
  }
  void promote() const { standby_->sql("SELECT pg_promote()"); }

  /// The number of the last transaction, as readers see it.
  static std::int64_t last_transaction(const PostgresServer& server) {
    return std::stoll(server.sql("SELECT batch FROM tap.meta"));
  }
  /// Has Tap at work on a transaction that the primary has on its disk but does not confirm, because the standby is
  /// silent. Gives the number of the one before it.
  std::int64_t await_commit_in_flight() {
    send_more(1);
    wait_for("a commit that waits for the standby", [&] {
      return primary_->sql(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE "
                 "'tap-%'") == "1";
    });
    return last_transaction(*primary_);
  }
  void follow_four() {
    start();
    consume();
    onboard_accounts(4);
    await_undelivered(0);
  }
  /// Tap has stayed up, goes on, and nothing was lost, disturbed or told under two ids.
  void expect_all_on_the_standby() {
    send_more(100);
    await_all();
    expect_each_commit_once();
    await_undelivered(0);
    EXPECT_GT(losses(), 0U);
    stop();
    check_database(TAP_BINARY, standby_->schema_url("tap"));
  }

  std::optional<PostgresServer> primary_, standby_;
};

TEST_F(Failover, UnderLoadCostsNothing) {
  follow_four();
  const std::size_t before = log_.all().size();
  send_more(400);
  log_.wait_for_count(before + 50);
  primary_->stop(SIGKILL);
  send_more(400);
  EXPECT_EQ(get("/health").at("status"), "ok");
  promote();
  expect_all_on_the_standby();
}

TEST_F(Failover, CommitThatReachedTheStandbyIsNotStoredTwice) {
  follow_four();
  const pid_t receiver = this->receiver();
  ::kill(receiver, SIGSTOP);
  const std::int64_t confirmed = await_commit_in_flight();
  wait_for("it is on its way", [&] {
    return primary_->sql("SELECT sent_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication") == "t";
  });
  primary_->stop();
  ::kill(receiver, SIGCONT);
  wait_for("the standby has it", [&] { return last_transaction(*standby_) == confirmed + 1; });
  promote();
  expect_all_on_the_standby();
}

TEST_F(Failover, CommitThatDidNotReachTheStandbyIsStoredAgain) {
  follow_four();
  const pid_t sender = this->sender();
  ::kill(sender, SIGSTOP);
  const std::int64_t confirmed = await_commit_in_flight();
  kill_unsent(sender);
  wait_for("the standby has all the others", [&] { return last_transaction(*standby_) == confirmed; });
  promote();
  expect_all_on_the_standby();
}

TEST_F(Failover, CommitThatIsFoundOnThePrimaryIsDeliveredOnlyWhenTheStandbyHasIt) {
  follow_four();
  const pid_t sender = this->sender();
  ::kill(sender, SIGSTOP);
  const std::int64_t confirmed = await_commit_in_flight();
  const auto waiting = [&] {
    return primary_->sql(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'tap-%'");
  };
  const std::string session = waiting();
  const std::size_t before = log_.all().size();
  primary_->sql("SELECT pg_terminate_backend(" + session + ")");
  wait_for("another session", [&] { return !waiting().empty() && waiting() != session; });
  EXPECT_EQ(last_transaction(*primary_), confirmed + 1);
  kill_unsent(sender);
  EXPECT_EQ(last_transaction(*standby_), confirmed);
  EXPECT_EQ(log_.all().size(), before);
  promote();
  expect_all_on_the_standby();
}

TEST_F(Failover, StandbyThatLacksWhatWasConfirmedEndsTheProcessAndTheNextGoesOnFromThere) {
  follow_four();
  replicate("");
  const pid_t sender = this->sender();
  ::kill(sender, SIGSTOP);
  send_more(20);
  await_all();
  kill_unsent(sender);
  promote();
  send_more(1);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 1}));
  EXPECT_THAT(tap().wait_for_line("service error").at("error").get<std::string>(),
              HasSubstr("no longer as this process left it"));
  for (Account& account : accounts_) publish_repo(account);  // the cursor may be of an earlier time, too
  // Ids that the old primary had given mean other events now: another consumer.
  start();
  EventLog log;
  const Consumer consumer(port(), log);
  for (const Account& account : accounts_) {
    wait_for("the last rev",
             [&] { return get("/info/" + account.did().str()).at("rev") == account.head()->rev.str(); });
  }
  await_undelivered(0);
  stop();
}

}  // namespace
}  // namespace tap::test
