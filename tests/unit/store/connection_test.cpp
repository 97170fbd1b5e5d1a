// SPDX-License-Identifier: MIT
#include "store/postgres/connection.hpp"

#include "support/postgres_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace tap::store::postgres {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

class PostgresConnection : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = test::PostgresServer::missing(); !reason.empty()) {
      GTEST_SKIP() << "skipped: " << reason;
    }
    connect();
  }
  void connect() { connection_.emplace(Connection::open(test::postgres_server().url(), "connection_test").value()); }

  /// The first column of all rows.
  template <class... Args>
  std::vector<std::string> texts(Sql sql, const Args&... args) {
    std::vector<std::string> out;
    auto done = connection_->each(sql, [&](const Row& row) { out.emplace_back(row.text(0)); }, args...);
    EXPECT_TRUE(done) << done.error().message();
    return out;
  }

  std::optional<Connection> connection_;
};

/// What needs care in SQL, in arrays and in escapes.
const std::vector<std::string> kAwkward = {"",       "a",
                                           "'",      "''; DROP TABLE x; --",
                                           "\\",     "\\x41",
                                           "\\\\",   "\"",
                                           "{}",     "{a,b}",
                                           "NULL",   "null",
                                           "a,b;c ", " \n\t",
                                           "$1 %s",  "E'\\n'",
                                           "ключ",   "\xF0\x9F\x8E\xBA"};
const std::string kLong(100'000, '\'');

std::vector<std::string_view> views(const std::vector<std::string>& values) { return {values.begin(), values.end()}; }

TEST_F(PostgresConnection, ValuesComeThroughInTheTextOfAStatementAndBesideIt) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  for (const char* escapes : {"SET standard_conforming_strings = on", "SET standard_conforming_strings = off"}) {
    ASSERT_TRUE(connection_->script(escapes));
    for (std::string value : kAwkward) {
      EXPECT_THAT(texts("SELECT $1::text", std::string_view(value)), ElementsAreArray({value}));
      value += kLong;
      EXPECT_THAT(texts("SELECT $1::text", std::string_view(value)), ElementsAreArray({value}));
    }
    for (std::string bytes : {std::string(), every_byte, every_byte + kLong}) {
      EXPECT_THAT(texts("SELECT $1::bytea", as_bytes(bytes)), ElementsAreArray({bytes}));
    }
  }
}

TEST_F(PostgresConnection, ArraysComeThroughInTheTextOfAStatementAndBesideIt) {
  for (const bool is_long : {false, true}) {
    std::vector<std::string> values = kAwkward;
    if (is_long) values.push_back(kLong);
    EXPECT_THAT(texts("SELECT unnest($1::text[])", views(values)), ElementsAreArray(values));

    values.emplace_back("\0\xFF", 2);
    std::vector<ByteView> blobs;
    for (const std::string& value : values) blobs.push_back(as_bytes(value));
    EXPECT_THAT(texts("SELECT unnest($1::bytea[])", blobs), ElementsAreArray(values));

    std::vector<std::int64_t> integers = {0, -1, std::numeric_limits<std::int64_t>::min(),
                                          std::numeric_limits<std::int64_t>::max()};
    if (is_long) integers.resize(10'000, 7);
    std::vector<std::int64_t> found;
    ASSERT_TRUE(connection_->each(
        "SELECT unnest($1::bigint[])", [&](const Row& row) { found.push_back(row.integer(0)); }, integers));
    EXPECT_EQ(found, integers);
  }
  EXPECT_TRUE(texts("SELECT unnest($1::text[])", std::vector<std::string_view>()).empty());
  EXPECT_TRUE(texts("SELECT unnest($1::bytea[])", std::vector<ByteView>()).empty());
  EXPECT_TRUE(texts("SELECT unnest($1::bigint[])", std::vector<std::int64_t>()).empty());
}

TEST_F(PostgresConnection, IntegersAreOfAnyWidth) {
  enum class Small : std::uint8_t { seven = 7 };
  EXPECT_EQ(connection_->value("SELECT $1::smallint + 1", Small::seven), 8);
  EXPECT_EQ(connection_->value("SELECT $1::bigint", std::numeric_limits<std::int64_t>::min()),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(connection_->value("SELECT $1 <> 0", true), 1);
  EXPECT_EQ(connection_->value("SELECT $1 <> 0", false), 0);
  EXPECT_EQ(connection_->value("SELECT nullif($1::bigint, 1)", 1), std::nullopt);
  EXPECT_EQ(connection_->value("SELECT 1 WHERE false"), std::nullopt);
}

TEST_F(PostgresConnection, TextThatNoDatabaseTakesIsRefusedWhole) {
  for (const std::string& value : {std::string("a\0b", 3), std::string("\xFF")}) {
    auto done = connection_->value("SELECT length($1::text)", std::string_view(value));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error(), Errc::failed) << done.error().message();
    done = connection_->value("SELECT cardinality($1::text[])", std::vector<std::string_view>{value});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error(), Errc::failed) << done.error().message();
  }
  EXPECT_FALSE(connection_->is_lost());
  EXPECT_EQ(connection_->value("SELECT 1"), 1);
}

TEST_F(PostgresConnection, WhatNobodyWaitsForIsOneMessage) {
  ASSERT_TRUE(connection_->script("CREATE TEMPORARY TABLE messages (at timestamptz, what text)"));
  const auto tell = [this](std::string_view what) {
    connection_->queue("INSERT INTO messages VALUES (statement_timestamp(), $1)", what);
  };
  tell("prepared");
  ASSERT_TRUE(connection_->run("DELETE FROM messages"));
  connection_->queue("BEGIN");
  tell("a");
  tell("b");
  EXPECT_EQ(connection_->value("SELECT count(*) FROM messages WHERE at = statement_timestamp()"), 2);
  tell("c");
  tell(kLong);
  ASSERT_TRUE(connection_->run("COMMIT"));
  EXPECT_EQ(connection_->value("SELECT count(DISTINCT at) FROM messages"), 3);
  EXPECT_THAT(texts("SELECT what FROM messages ORDER BY at, what"),
              ElementsAreArray({std::string("a"), std::string("b"), std::string("c"), kLong}));
}

TEST_F(PostgresConnection, ErrorOfAStatementComesWithTheNextThatWaitsAndNothingIsDoneUntilThen) {
  ASSERT_TRUE(connection_->script("CREATE TEMPORARY TABLE numbers (n bigint PRIMARY KEY)"));
  for (const std::string_view filler : {std::string_view("short"), std::string_view(kLong)}) {
    connection_->queue("BEGIN");
    connection_->queue("INSERT INTO numbers SELECT 1 WHERE $1 <> ''", filler);
    connection_->queue("INSERT INTO numbers SELECT 1 WHERE $1 <> ''", filler);
    connection_->queue("INSERT INTO numbers VALUES ($1)", 2);
    auto done = connection_->run("COMMIT");
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message(), HasSubstr("duplicate key"));
    connection_->roll_back();
    EXPECT_EQ(connection_->value("SELECT count(*) FROM numbers"), 0);
  }
}

TEST_F(PostgresConnection, StatementsThatWereOnlyGatheredAreForgottenWithTheirTransaction) {
  ASSERT_TRUE(connection_->script("CREATE TEMPORARY TABLE numbers (n bigint PRIMARY KEY)"));
  connection_->queue("BEGIN");
  connection_->queue("INSERT INTO numbers VALUES ($1)", 1);
  connection_->roll_back();
  EXPECT_EQ(connection_->value("SELECT count(*) FROM numbers"), 0);
}

TEST_F(PostgresConnection, ChangesAreThoseOfTheLastStatement) {
  ASSERT_TRUE(connection_->script("CREATE TEMPORARY TABLE numbers (n bigint PRIMARY KEY)"));
  const std::vector<std::int64_t> two = {1, 2};
  connection_->queue("INSERT INTO numbers SELECT unnest($1::bigint[])", two);
  ASSERT_TRUE(connection_->run("INSERT INTO numbers VALUES ($1) ON CONFLICT DO NOTHING", 2));
  EXPECT_EQ(connection_->changes(), 0U);
  ASSERT_TRUE(connection_->run("DELETE FROM numbers WHERE n = ANY($1)", two));
  EXPECT_EQ(connection_->changes(), 2U);
}

TEST_F(PostgresConnection, SessionThatTheServerEndsIsLost) {
  const auto own = connection_->value("SELECT pg_backend_pid()");
  ASSERT_TRUE(own && *own);
  const std::string pid = std::to_string(**own);
  auto& server = test::postgres_server();
  server.sql("SELECT pg_terminate_backend(" + pid + ")");
  while (server.sql("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) != "0") std::this_thread::yield();
  EXPECT_EQ(connection_->run("SELECT 1").error(), Errc::unavailable);
  EXPECT_TRUE(connection_->is_lost());
  EXPECT_EQ(connection_->run("SELECT 1").error(), Errc::unavailable);
}

TEST_F(PostgresConnection, ErrorsHaveTheirMeaning) {
  EXPECT_EQ(connection_->run("SELECT * FROM nowhere").error(), Errc::superseded);
  EXPECT_EQ(connection_->run("SELECT 1 / 0").error(), Errc::failed);
  EXPECT_EQ(connection_->run("SELECT 1 / 0").error().detail(), "division by zero");
  // libpqxx has a class of its own for each of these, some without the server's code.
  const auto raised = [this](const std::string& state) {
    auto done = connection_->script("DO $$ BEGIN RAISE 'so it is' USING ERRCODE = '" + state + "'; END $$");
    EXPECT_EQ(done.error().detail(), "so it is") << state;
    return done.error();
  };
  EXPECT_EQ(raised("53100"), Errc::full);
  EXPECT_EQ(raised("55P03"), Errc::busy);
  EXPECT_EQ(raised("25006"), Errc::read_only);
  EXPECT_EQ(raised("XX001"), Errc::corrupt);
  EXPECT_EQ(raised("3F000"), Errc::superseded);
  EXPECT_EQ(raised("42501"), Errc::failed);
  EXPECT_EQ(raised("40001"), Errc::failed);
  EXPECT_EQ(raised("40P01"), Errc::failed);
  EXPECT_EQ(raised("23505"), Errc::failed);
  EXPECT_FALSE(connection_->is_lost());
  // The server is about to stop, and does not know what became of a statement.
  for (const char* state : {"57P01", "40003"}) {
    connect();
    EXPECT_EQ(raised(state), Errc::unavailable);
    EXPECT_TRUE(connection_->is_lost()) << state;
  }
}

}  // namespace
}  // namespace tap::store::postgres
