// SPDX-License-Identifier: MIT
// A role that may have one connection to its server: the writer lends it to the reader.
#include "unit/store/postgres_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace tap::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Whatever wants a second connection fails.
class OneConnection : public PostgresStore {
 protected:
  void SetUp() override {
    PostgresStore::SetUp();
    if (IsSkipped()) return;
    server_->sql("CREATE ROLE loner LOGIN CONNECTION LIMIT 1; ALTER SCHEMA " + backend_->schema() + " OWNER TO loner");
  }
  void TearDown() override {
    queries_.reset();
    PostgresStore::TearDown();
    if (!IsSkipped()) server_->sql("DROP ROLE loner");
  }

  [[nodiscard]] std::string url() const {
    return server_->url("&options=-csearch_path%3D" + backend_->schema(), "loner");
  }
  void open_it() { take(open_store(url(), {.max_connections = 1})); }
  /// With little patience for a server that hangs.
  void open_impatient() {
    take(open_store(url() + "&connect_timeout=2",
                    {.max_connections = 1, .server_silence = std::chrono::milliseconds(100)}));
  }
  [[nodiscard]] Result<std::string> cursor() { return queries_->cursor("firehose", "r"); }
  /// Once the server is back.
  [[nodiscard]] std::string cursor_at_last() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    auto found = cursor();
    while (!found && found.error() == Errc::unavailable && std::chrono::steady_clock::now() < end) found = cursor();
    return found ? *found : found.error().message();
  }
  [[nodiscard]] std::vector<std::string> bodies() {
    std::vector<std::string> out;
    for (const auto& event : queries_->events(EventId{}, 1'000).value()) out.push_back(event.body);
    return out;
  }
  void end_its_session() {
    EXPECT_EQ(server_->sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'loner'"),
              "t");
  }

  std::unique_ptr<Queries> queries_;

 private:
  void take(Result<std::unique_ptr<Store>> opened) {
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    queries_ = store_->queries().value();
  }
};

TEST_F(OneConnection, WritesAndReads) {
  open_it();
  ASSERT_TRUE(add("a"));
  EXPECT_EQ(cursor(), "a");
  ASSERT_TRUE(add("b"));
  const EventId first{1};
  ASSERT_TRUE(store_->apply({}, {&first, 1}));
  EXPECT_THAT(bodies(), ElementsAre("b"));
  ASSERT_TRUE(store_->fold());
  EXPECT_EQ(queries_->buffered_count(), 0U);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'loner'"), "1");
  EXPECT_EQ(store_->queries().error(), Errc::unavailable) << "it is lent to one";
  queries_.reset();
  EXPECT_TRUE(store_->queries());
}

TEST_F(OneConnection, ReaderWaitsForATransactionAndSeesAllOfIt) {
  open_impatient();
  const auto session = [this] { return server_->sql("SELECT pid FROM pg_stat_activity WHERE usename = 'loner'"); };
  const std::string before = session();
  server_->sql("SET search_path = " + backend_->schema() +
               "; CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN "
               "NEW; END $$; CREATE TRIGGER dawdle BEFORE INSERT ON cursors FOR EACH ROW EXECUTE FUNCTION dawdle()");
  auto adding = std::async(std::launch::async, [this] { return add("a"); });
  while (server_->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "0") {
    std::this_thread::yield();
  }
  EXPECT_EQ(cursor(), "a");
  EXPECT_EQ(adding.get(), EventId{1});
  EXPECT_THAT(bodies(), ElementsAre("a"));
  EXPECT_EQ(session(), before) << "a server that refuses to be asked has answered";
}

TEST_F(OneConnection, FailedTransactionIsNotSeen) {
  open_it();
  server_->sql("ALTER TABLE " + backend_->schema() + ".cursors ADD CHECK (value <> 'poison')");
  ASSERT_TRUE(add("a"));
  EXPECT_EQ(add("poison").error(), Errc::failed);
  EXPECT_EQ(cursor(), "a");
  EXPECT_EQ(add("b"), EventId{2});
  EXPECT_THAT(bodies(), ElementsAre("a", "b"));
}

TEST_F(OneConnection, WhoeverFindsItLostMakesItAnew) {
  open_it();
  ASSERT_TRUE(add("a"));
  end_its_session();
  EXPECT_EQ(cursor(), "a");
  end_its_session();
  EXPECT_EQ(add("b"), EventId{2});
  EXPECT_EQ(cursor(), "b");
  EXPECT_THAT(bodies(), ElementsAre("a", "b"));
}

TEST_F(OneConnection, OutlivesItsServer) {
  open_it();
  ASSERT_TRUE(add("a"));
  server_->stop();
  EXPECT_EQ(cursor().error(), Errc::unavailable);
  EXPECT_EQ(add("lost").error(), Errc::unavailable);
  EXPECT_EQ(cursor().error(), Errc::unavailable);
  server_->start();
  EXPECT_EQ(cursor_at_last(), "a");
  EXPECT_EQ(add_at_last("b"), EventId{2});
  EXPECT_THAT(bodies(), ElementsAre("a", "b"));
}

TEST_F(OneConnection, ServerThatHangsIsGivenUpByTheReader) {
  open_impatient();
  ASSERT_TRUE(add("a"));
  server_->hang();
  EXPECT_EQ(cursor().error(), Errc::unavailable);
  server_->go_on();
  EXPECT_EQ(cursor_at_last(), "a");
  EXPECT_EQ(add_at_last("b"), EventId{2});
}

TEST_F(OneConnection, ServerThatHangsInACommitKeepsNoReader) {
  open_impatient();
  ASSERT_TRUE(add("a"));
  server_->hang();
  auto adding = std::async(std::launch::async, [this] { return add("b"); });
  EXPECT_EQ(cursor().error(), Errc::unavailable);
  server_->go_on();
  const auto added = adding.get();
  EXPECT_EQ(added ? *added : add_at_last("b"), EventId{2});
  EXPECT_EQ(cursor_at_last(), "b");
  EXPECT_THAT(bodies(), ElementsAre("a", "b"));
}

TEST_F(OneConnection, ReaderDoesNotWaitForTheOutcomeOfACommit) {
  open_it();
  ASSERT_TRUE(add("a"));
  auto adding = commit_without_answer("b");
  auto reading = std::async(std::launch::async, [this] { return cursor(); });
  server_->stop();
  ASSERT_EQ(reading.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(reading.get().error(), Errc::unavailable);
  EXPECT_EQ(cursor().error(), Errc::unavailable);
  EXPECT_EQ(adding.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  server_->start();
  EXPECT_EQ(adding.get(), EventId{2});
  EXPECT_EQ(cursor_at_last(), "b");
  EXPECT_EQ(add_at_last("c"), EventId{3});
  EXPECT_THAT(bodies(), ElementsAre("a", "b", "c"));
}

TEST_F(OneConnection, ReaderThatFindsTheWritesOfAnotherProcessEndsIt) {
  open_it();
  ASSERT_TRUE(add("a"));
  usurper().reset();
  EXPECT_THAT(cursor_at_last(), HasSubstr("restart"));
  EXPECT_EQ(cursor().error(), Errc::superseded);
  EXPECT_EQ(add("b").error(), Errc::superseded);
}

TEST_F(OneConnection, OfAProcessThatHasJustEndedIsWaitedFor) {
  // Ended by the server, half a second later.
  PGconn* former = PQconnectdb((url() + "%20-cidle_session_timeout%3D500").c_str());
  ASSERT_EQ(PQstatus(former), CONNECTION_OK);
  open_it();
  EXPECT_TRUE(add("a"));
  PQfinish(former);
}

TEST_F(OneConnection, ThatSomebodyElseKeepsIsNamed) {
  PGconn* other = PQconnectdb(url().c_str());
  ASSERT_EQ(PQstatus(other), CONNECTION_OK);
  auto opened = open_store(url(), {.max_connections = 1});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Errc::open_failed);
  EXPECT_THAT(opened.error().message(), HasSubstr("too many connections"));
  PQfinish(other);
}

}  // namespace
}  // namespace tap::store
