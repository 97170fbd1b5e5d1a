// SPDX-License-Identifier: MIT
// Parts of the store on PostgreSQL, each by itself: what a whole store would show only after days.
#include "store/postgres/record_table.hpp"
#include "store/postgres/schema.hpp"
#include "store/postgres/session.hpp"
#include "store/postgres/vacuum.hpp"
#include "unit/store/postgres_store.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace tap::store::postgres {
namespace {

using namespace std::chrono_literals;

class PostgresParts : public PostgresStore {
 protected:
  /// Outside of any part.
  std::string sql(const std::string& statements) {
    return server_->sql("SET search_path = " + backend_->schema() + "; " + statements);
  }
  void make_tables() {
    open();
    store_.reset();
  }
};

TEST_F(PostgresParts, RecordsAreIndexedAlsoWhenTheNamesOfCollectionsNoLongerFitInMemory) {
  make_tables();
  auto connection = Connection::open(backend_->url(), "parts_test").value();
  RecordTable records(2);
  const auto put_into = [&](const std::vector<std::string>& collections) {
    AdvanceHead commit{RepoId{1}, head_of(1, 1), {}};
    for (const std::string& collection : collections) commit.changes.push_back(put(collection, "k", 1));
    FoldPlan plan;
    plan.add({&commit, 1});
    plan.finish();
    const FoldPlan::Repo* repo = plan.repos().data();
    connection.queue("BEGIN");
    auto done = records.put(connection, {&repo, 1}, plan.collections());
    if (done) done = connection.run("COMMIT");
    ASSERT_TRUE(done) << done.error().message();
  };
  put_into({"a.a.a", "b.b.b"});
  put_into({"b.b.b", "c.c.c"});  // one is known, and goes to make room for the other
  put_into({"a.a.a", "d.d.d"});
  EXPECT_EQ(sql("SELECT string_agg(nsid, ' ' ORDER BY nsid) FROM records JOIN collections ON id = collection_id"),
            "a.a.a b.b.b c.c.c d.d.d");
}

constexpr std::array<const char*, 2> kTwoSteps = {
    "CREATE TABLE meta (schema_version bigint); INSERT INTO meta VALUES (1); CREATE TABLE a (x bigint);",
    "INSERT INTO a VALUES (1); ALTER TABLE a ADD COLUMN y bigint DEFAULT 5;"};
constexpr std::array<const char*, 3> kThreeSteps = {kTwoSteps[0], kTwoSteps[1],
                                                    "CREATE TABLE b (x bigint); SELECT nonsense;"};

TEST_F(PostgresParts, MigrationsGoForwardFromAnyVersion) {
  auto connection = Connection::open(backend_->url(), "parts_test").value();
  ASSERT_TRUE(migrate(connection, std::span(kTwoSteps).first(1)));
  ASSERT_TRUE(migrate(connection, kTwoSteps));
  EXPECT_EQ(connection.value("SELECT y FROM a").value(), 5);
  ASSERT_TRUE(migrate(connection, kTwoSteps));
  EXPECT_EQ(connection.value("SELECT count(*) FROM a").value(), 1) << "each step once";
}

TEST_F(PostgresParts, FailedMigrationLeavesTheOldVersion) {
  auto connection = Connection::open(backend_->url(), "parts_test").value();
  ASSERT_TRUE(migrate(connection, std::span(kTwoSteps).first(1)));
  EXPECT_FALSE(migrate(connection, kThreeSteps));
  EXPECT_EQ(connection.value("SELECT schema_version FROM meta").value(), 1);
  EXPECT_EQ(connection.value("SELECT count(*) FROM a").value(), 0);
}

TEST_F(PostgresParts, WhatWasVacuumedIsNotVacuumedAgain) {
  constexpr std::uint64_t kFew = std::uint64_t{1} << 20;
  make_tables();
  Vacuum vacuum(backend_->url(), {});
  EXPECT_FALSE(vacuum.idle());
  vacuum.add(kFew);
  EXPECT_TRUE(vacuum.idle());
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (sql("SELECT vacuum_count FROM pg_stat_user_tables WHERE relid = 'journal'::regclass") != "1") {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::yield();
  }
  EXPECT_FALSE(vacuum.idle());
  vacuum.add(kFew);
  EXPECT_TRUE(vacuum.idle());
}

TEST_F(PostgresParts, WriterWaitsAMinuteForWhoeverLocksItsTables) {
  Session session(backend_->url(), 10s, false);
  ASSERT_TRUE(session.open({}));
  std::string patience;
  ASSERT_TRUE(session.read([&](Connection& connection) {
    return connection.each("SELECT current_setting('lock_timeout')", [&](const Row& row) { patience = row.text(0); });
  }));
  EXPECT_EQ(patience, "1min");
}

TEST_F(PostgresParts, FormerSessionOfWhichTheServerDoesNotKnowThatItIsGoneIsEnded) {
  Session session(backend_->url(), 10s, false);
  ASSERT_TRUE(session.open({}));
  const std::string name = sql(
      "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND objid = "
      "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())");
  ASSERT_FALSE(name.empty());
  sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '" + name + "'");
  // Another in its place, which holds what it held.
  auto former = Connection::open(backend_->url(), name).value();
  ASSERT_TRUE(former.value(
      "SELECT 1 FROM (SELECT pg_advisory_lock((x'74617000'::bigint << 32) + oid::bigint) FROM pg_namespace WHERE "
      "nspname = current_schema()) AS locked"));
  auto done = session.transact([](Connection&) { return Result<void>(); });
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_EQ(former.run("SELECT 1").error(), Errc::unavailable);
}

TEST_F(PostgresParts, FormerSessionThatEndsLateEachTimeIsNotTakenForAnotherTap) {
  // It would hold the lock for seconds. A function in front of the server's own refuses it at once.
  const std::string lock = backend_->schema() + ".pg_advisory_lock(bigint)";
  Session session(server_->url("&options=-csearch_path%3D" + backend_->schema() + "%2Cpg_catalog"), 10s, false);
  ASSERT_TRUE(session.open({}));
  const auto transact = [&] { return session.transact([](Connection&) { return Result<void>(); }); };
  for (int time = 0; time < 5; ++time) {
    server_->sql("CREATE FUNCTION " + lock +
                 " RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'held' USING ERRCODE = '55P03'; END $$");
    server_->sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'tap-%'");
    EXPECT_EQ(transact().error(), Errc::busy);
    server_->sql("DROP FUNCTION " + lock);
    auto done = transact();
    while (!done && done.error() == Errc::busy) done = transact();  // tries are seldom
    ASSERT_TRUE(done) << done.error().message();
  }
}

}  // namespace
}  // namespace tap::store::postgres
