// SPDX-License-Identifier: MIT
// What only a server can do to the store: go away, be shared, forbid.
#include "unit/store/postgres_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace tap::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(PostgresStore, OutlivesItsServer) {
  open();
  auto queries = store_->queries().value();
  ASSERT_TRUE(add("a"));
  server_->stop();
  for (int i = 0; i < 3; ++i) {
    auto added = add("lost");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error(), Errc::unavailable);
    EXPECT_EQ(queries->cursor("firehose", "r").error(), Errc::unavailable);
  }
  EXPECT_FALSE(store_->fold());
  server_->start();
  EXPECT_EQ(add_at_last("b"), EventId{2});
  EXPECT_EQ(queries->cursor("firehose", "r"), "b");
  EXPECT_THAT(stored(), ElementsAre("a", "b"));
  EXPECT_TRUE(store_->fold());
}

TEST_F(PostgresStore, ServerThatHangsIsGivenUpAndNothingIsLostOrStoredTwice) {
  open_impatient();
  auto queries = store_->queries().value();
  ASSERT_TRUE(add("a"));
  server_->hang();
  auto adding = std::async(std::launch::async, [this] { return add("b"); });
  EXPECT_EQ(queries->cursor("firehose", "r").error(), Errc::unavailable);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(queries->cursor("firehose", "r").error(), Errc::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1)) << "it was waited for again";
  server_->go_on();
  // What was given up in the commit has gone in; else it is for the caller to write it again.
  const auto added = adding.get();
  EXPECT_EQ(added ? *added : add_at_last("b"), EventId{2});
  EXPECT_EQ(add_at_last("c"), EventId{3});
  EXPECT_THAT(stored(), ElementsAre("a", "b", "c"));
}

TEST_F(PostgresStore, StatementThatTakesLongIsWaitedForWhileItsServerAnswers) {
  open_impatient();
  const auto session = [this] {
    return server_->sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tap-%'");
  };
  server_->sql("SET search_path = " + backend_->schema() +
               "; CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN "
               "NEW; END $$; CREATE TRIGGER dawdle BEFORE INSERT ON cursors FOR EACH ROW EXECUTE FUNCTION dawdle()");
  const std::string before = session();
  EXPECT_EQ(add("a"), EventId{1});
  EXPECT_EQ(session(), before) << "it was given up";
}

TEST_F(PostgresStore, TransactionLargerThanTheNetworkTakesAtOnceIsGivenUpWhenTheServerHangs) {
  open_impatient();
  ASSERT_TRUE(add("a"));
  server_->hang();
  EXPECT_EQ(add(std::string(std::size_t{4} << 20, 'x')).error(), Errc::unavailable);
  server_->go_on();
  EXPECT_EQ(add_at_last("b"), EventId{2});
  EXPECT_THAT(stored(), ElementsAre("a", "b"));
}

TEST_F(PostgresStore, ProcessThatEndsDoesNotWaitForAServerThatHangs) {
  open_impatient();
  ASSERT_TRUE(add("a"));
  server_->hang();
  store_->stop_waiting();
  EXPECT_FALSE(add("b"));
  server_->go_on();
  store_.reset();
  open();
  EXPECT_THAT(stored(), testing::Contains("a"));
}

TEST_F(PostgresStore, LostConnectionCostsNoWriteWhenTheServerIsThere) {
  open();
  ASSERT_TRUE(add("a"));
  server_->sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'tap-%'");
  EXPECT_EQ(add("b"), EventId{2});
  EXPECT_THAT(stored(), ElementsAre("a", "b"));
}

TEST_F(PostgresStore, LostConnectionCostsNoQueryWhenTheServerIsThere) {
  open();
  auto queries = store_->queries().value();
  ASSERT_TRUE(add("a"));
  server_->sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'tap'");
  EXPECT_EQ(queries->cursor("firehose", "r"), "a");
}

TEST_F(PostgresStore, CommitWhoseAnswerIsLostIsKnownToHaveGoneIn) {
  open();
  ASSERT_TRUE(add("a"));
  auto adding = commit_without_answer("b");
  server_->sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  // It is found, but whether a standby has it the server says of a later write only.
  while (server_->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "0") {
    std::this_thread::yield();
  }
  EXPECT_EQ(adding.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  server_->sql("SELECT pg_reload_conf()");
  EXPECT_EQ(adding.get(), EventId{2});
  EXPECT_EQ(add_at_last("c"), EventId{3});
  EXPECT_THAT(stored(), ElementsAre("a", "b", "c"));
}

TEST_F(PostgresStore, CommitIsWaitedForUntilTheServerIsBack) {
  open();
  ASSERT_TRUE(add("a"));
  auto adding = commit_without_answer("b");
  server_->stop();
  EXPECT_EQ(adding.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  server_->start();
  EXPECT_EQ(adding.get(), EventId{2});
  EXPECT_EQ(add_at_last("c"), EventId{3});
  EXPECT_THAT(stored(), ElementsAre("a", "b", "c"));
}

TEST_F(PostgresStore, ProcessThatEndsDoesNotWaitForTheServerAndTheNextFindsTheCommit) {
  open();
  ASSERT_TRUE(add("a"));
  auto adding = commit_without_answer("b");
  server_->stop();
  store_->stop_waiting();
  EXPECT_FALSE(adding.get());
  server_->start();
  EXPECT_EQ(add("c").error(), Errc::failed) << "what the store has in memory may be wrong";
  open();
  EXPECT_EQ(add("c"), EventId{3});
  EXPECT_THAT(stored(), ElementsAre("a", "b", "c"));
}

TEST_F(PostgresStore, CommitThatDidNotGoInIsDoneAgain) {
  open();
  // The server ends the session while it commits, once.
  server_->sql("SET search_path = " + backend_->schema() +
               "; CREATE SEQUENCE deaths; CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; "
               "END $$; CREATE CONSTRAINT TRIGGER die AFTER INSERT ON cursors DEFERRABLE INITIALLY DEFERRED FOR EACH "
               "ROW EXECUTE FUNCTION die()");
  EXPECT_EQ(add("a"), EventId{1});
  EXPECT_EQ(server_->sql("SELECT last_value FROM " + backend_->schema() + ".deaths"), "2") << "it did die";
  EXPECT_EQ(add("b"), EventId{2});
  EXPECT_THAT(stored(), ElementsAre("a", "b"));
}

TEST_F(PostgresStore, WritesOfAnotherProcessEndIt) {
  open();
  ASSERT_TRUE(add("a"));
  {
    const auto other = usurper();
    auto added = add("b");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error(), Errc::busy) << added.error().message();
  }
  EXPECT_THAT(end_of_adding(), HasSubstr("restart"));
  open();
  EXPECT_THAT(stored(), ElementsAre("a", "other"));
}

TEST_F(PostgresStore, AnotherProcessThatKeepsTheLockEndsIt) {
  open();
  ASSERT_TRUE(add("a"));
  server_->stop();
  server_->start();
  auto other = backend_->open().value();
  EXPECT_THAT(end_of_adding(), HasSubstr("another Tap"));
}

TEST_F(PostgresStore, TablesThatAreGoneEndIt) {
  open();
  ASSERT_TRUE(add("a"));
  server_->sql("DROP TABLE " + backend_->schema() + ".cursors");
  EXPECT_THAT(end_of_adding(), HasSubstr("cursors"));
}

TEST_F(PostgresStore, SchemaThatIsGoneEndsIt) {
  open();
  ASSERT_TRUE(add("a"));
  server_->stop();
  server_->start();
  server_->sql("DROP SCHEMA " + backend_->schema() + " CASCADE");
  EXPECT_THAT(end_of_adding(), HasSubstr("search_path"));
  server_->sql("CREATE SCHEMA " + backend_->schema());
}

TEST_F(PostgresStore, DatabaseOfAnEarlierTimeEndsIt) {
  open();
  ASSERT_TRUE(add("a"));
  server_->sql("CREATE TABLE earlier AS TABLE " + backend_->schema() + ".meta");
  ASSERT_TRUE(add("b"));
  server_->stop();
  server_->start();
  server_->sql("SET search_path = " + backend_->schema() + ", public; TRUNCATE meta; INSERT INTO meta TABLE earlier");
  EXPECT_THAT(end_of_adding(), HasSubstr("earlier time"));
  server_->sql("DROP TABLE earlier");
}

TEST_F(PostgresStore, FailedStatementFailsItsTransactionOnly) {
  open();
  server_->sql("ALTER TABLE " + backend_->schema() + ".cursors ADD CHECK (value <> 'poison')");
  EXPECT_EQ(add("poison").error(), Errc::failed);
  EXPECT_EQ(add("a"), EventId{1});
  EXPECT_EQ(add("poison").error(), Errc::failed);
  EXPECT_EQ(add("b"), EventId{2});
  EXPECT_THAT(stored(), ElementsAre("a", "b"));
}

TEST_F(PostgresStore, RepoThatWasRolledBackGetsNoRecords) {
  open();
  server_->sql("ALTER TABLE " + backend_->schema() + ".cursors ADD CHECK (value <> 'poison')");
  const PutRecords records{RepoId{1}, {put("a.b.c", "k", 1)}};
  const Write poisoned = write_of({AddRepo{RepoId{1}, did_of(1)}, records, SaveCursor{"firehose", "r", "poison"}});
  ASSERT_FALSE(store_->apply({&poisoned, 1}, {}));
  const Write alone = write_of({records});
  ASSERT_TRUE(store_->apply({&alone, 1}, {}));
  EXPECT_EQ(server_->sql("SELECT count(*) FROM " + backend_->schema() + ".records"), "0");
}

TEST_F(PostgresStore, RecordWhoseDeletionWasRolledBackCanBeReplaced) {
  const auto write = [this](std::vector<Mutation> mutations) {
    const Write one = write_of(std::move(mutations));
    return store_->apply({&one, 1}, {});
  };
  const RepoId repo{1};
  open();
  server_->sql("ALTER TABLE " + backend_->schema() + ".cursors ADD CHECK (value <> 'poison')");
  ASSERT_TRUE(write({AddRepo{repo, did_of(1)}, PutRecords{repo, {put("a.b.c", "k5", 1)}}}));
  open();  // what is behind a key is not known any more
  ASSERT_FALSE(write({PutRecords{repo, {erase("a.b.c", "k5")}}, PutRecords{repo, {put("a.b.c", "k3", 1)}},
                      SaveCursor{"firehose", "r", "poison"}}));
  EXPECT_TRUE(write({PutRecords{repo, {put("a.b.c", "k5", 2)}}}));
  EXPECT_EQ(store_->queries().value()->records(repo, "a.b.c", "", 10).value().size(), 1U);
}

TEST_F(PostgresStore, SchemasOfOneDatabaseAreDatabasesOfTheirOwn) {
  PostgresBackend other;
  open();
  auto second = other.open().value();
  ASSERT_TRUE(add("a"));
  EXPECT_EQ(second->undelivered(), 0U);
  EXPECT_EQ(store_->undelivered(), 1U);
}

TEST_F(PostgresStore, SchemaThatIsNotThereIsNamed) {
  EXPECT_EQ(open_error(server_->schema_url("nowhere")), Errc::open_failed);
  EXPECT_THAT(message_, HasSubstr("search_path"));
}

TEST_F(PostgresStore, ReadOnlyRoleCannotOpenIt) {
  server_->sql(
      "CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on; GRANT ALL ON SCHEMA " +
      backend_->schema() + " TO reader");
  EXPECT_EQ(open_error(server_->url("&options=-csearch_path%3D" + backend_->schema(), "reader")), Errc::read_only);
  EXPECT_THAT(message_, HasSubstr("database postgres"));
  server_->sql("ALTER ROLE reader RESET default_transaction_read_only; REVOKE ALL ON SCHEMA " + backend_->schema() +
               " FROM reader; GRANT USAGE ON SCHEMA " + backend_->schema() + " TO reader");
  EXPECT_EQ(open_error(server_->url("&options=-csearch_path%3D" + backend_->schema(), "reader")), Errc::open_failed);
  EXPECT_THAT(message_, AllOf(HasSubstr("permission denied"), HasSubstr("database postgres")));
  server_->sql("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(PostgresStore, DatabaseThatIsNotThereIsNamed) {
  EXPECT_EQ(open_error(server_->url("&dbname=nowhere")), Errc::open_failed);
  EXPECT_THAT(message_, HasSubstr("nowhere"));
  EXPECT_EQ(open_error("postgres://127.0.0.1:1/x"), Errc::open_failed);
  EXPECT_EQ(open_error("postgresql:///x?no_such_setting=1"), Errc::open_failed);
  EXPECT_THAT(message_, HasSubstr("no_such_setting"));
}

TEST_F(PostgresStore, PasswordIsInNoMessage) {
  // Where nobody listens, where nobody can read the URL, and where the server refuses.
  for (const std::string url :
       {"postgresql://tap:sesame@127.0.0.1:1/x", "postgresql://tap:sesame@[::1/x", "postgresql://tap:sesame%zz@/x",
        "postgresql://tap:sesame@127.0.0.1:port/x", "postgresql:///x?password=sesame&host=%2Fnowhere&nonsense",
        "postgresql:///x?pass=sesame"}) {
    EXPECT_EQ(open_error(url), Errc::open_failed) << url;
    EXPECT_THAT(message_, Not(HasSubstr("sesame"))) << url;
  }
  // libpq would take what stands behind the slash for the database, and tell.
  EXPECT_EQ(open_error("postgresql://tap:12/sesame@127.0.0.1:1/x"), Errc::open_failed);
  EXPECT_THAT(message_, AllOf(HasSubstr("%2F"), Not(HasSubstr("sesame"))));
  EXPECT_EQ(open_error(server_->url("&password=sesame", "nobody")), Errc::open_failed);
  EXPECT_THAT(message_, AllOf(HasSubstr("nobody"), HasSubstr("database postgres"), Not(HasSubstr("sesame"))));
}

TEST_F(PostgresStore, NewerSchemaIsRefused) {
  open();
  store_.reset();
  server_->sql("UPDATE " + backend_->schema() + ".meta SET schema_version = 99");
  EXPECT_EQ(open_error(backend_->url()), Errc::newer_schema);
  EXPECT_THAT(message_, HasSubstr("99"));
}

TEST_F(PostgresStore, ForeignTablesAreRefusedAndUntouched) {
  server_->sql("CREATE TABLE " + backend_->schema() + ".songs (title text)");
  EXPECT_EQ(open_error(backend_->url()), Errc::foreign_schema);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM pg_tables WHERE schemaname = '" + backend_->schema() + "'"), "1");
}

TEST_F(PostgresStore, ConnectionsHaveABound) {
  // One writes, one is kept for the vacuum.
  store_ = open_store(backend_->url(), {.max_connections = 4}).value();
  auto one = store_->queries().value();
  auto two = store_->queries().value();
  EXPECT_EQ(store_->queries().error(), Errc::unavailable);
  one.reset();
  EXPECT_TRUE(store_->queries());
}

TEST_F(PostgresStore, RowsThatAreGoneLeaveNoSpaceBehind) {
  const auto journal_bytes = [&] {
    return std::stoull(server_->sql("SELECT pg_total_relation_size('" + backend_->schema() + ".journal')"));
  };
  open();
  const Write write = write_of({}, {draft(std::string(std::size_t{4} << 20, 'x'))});
  const EventId event = store_->apply({&write, 1}, {}).value();
  EXPECT_GT(journal_bytes(), 4U << 20);
  ASSERT_TRUE(store_->apply({}, {&event, 1}));
  EXPECT_EQ(store_->vacuum(), false);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);  // the server's own comes later
  while (journal_bytes() > 1U << 20 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_LT(journal_bytes(), 1U << 20);
}

}  // namespace
}  // namespace tap::store
