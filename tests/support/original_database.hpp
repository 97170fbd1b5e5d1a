// SPDX-License-Identifier: MIT
#pragma once

#include "support/postgres_server.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace tap::test {

/// Runs SQL on a connection that stays open as long as this lives.
using SqlRunner = std::function<void(const std::string&)>;

inline SqlRunner sqlite_runner(const std::string& path) {
  sqlite3* opened = nullptr;
  sqlite3_open(path.c_str(), &opened);
  const std::shared_ptr<sqlite3> handle(opened, sqlite3_close);
  return [handle](const std::string& sql) {
    if (sqlite3_exec(handle.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(handle.get()));
    }
  };
}
inline SqlRunner postgres_runner(const std::string& url) {
  const std::shared_ptr<PGconn> handle(PQconnectdb(url.c_str()), PQfinish);
  PQsetNoticeReceiver(handle.get(), [](void*, const PGresult*) {}, nullptr);
  return [handle](const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(handle.get(), sql.c_str()), PQclear);
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error(PQerrorMessage(handle.get()));
    }
  };
}

struct OriginalRepo {
  std::string did;
  std::string state = "active", status = "active";
  std::string handle = {}, rev = {}, prev_data = {}, error = {};
  std::int64_t retries = 0, retry_after = 0;
};

/// A database as the original Tap makes it (protocol 11.12). Rows go in in batches; flush() writes the rest.
class OriginalDatabase {
 public:
  static OriginalDatabase in_sqlite(const std::string& path) {
    return OriginalDatabase(
        sqlite_runner(path),
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        "CREATE TABLE `repos` (`did` text,`state` text NOT NULL DEFAULT \"pending\",`status` text NOT "
        "NULL DEFAULT \"active\",`handle` text,`rev` text,`prev_data` text,`error_msg` text,"
        "`retry_count` integer NOT NULL DEFAULT 0,`retry_after` integer NOT NULL DEFAULT 0,"
        "PRIMARY KEY (`did`));"
        "CREATE TABLE `outbox_buffers` (`id` integer PRIMARY KEY AUTOINCREMENT,`did` text NOT NULL,"
        "`live` numeric NOT NULL,`data` text NOT NULL);"
        "CREATE TABLE `resync_buffers` (`id` integer PRIMARY KEY AUTOINCREMENT,`did` text NOT NULL,"
        "`data` text NOT NULL);",
        "integer");
  }
  static OriginalDatabase in_postgres(const std::string& url) {
    return OriginalDatabase(
        postgres_runner(url),
        "CREATE TABLE repos (did text PRIMARY KEY, state text NOT NULL DEFAULT 'pending', status text "
        "NOT NULL DEFAULT 'active', handle text, rev text, prev_data text, error_msg text, "
        "retry_count bigint NOT NULL DEFAULT 0, retry_after bigint NOT NULL DEFAULT 0);"
        "CREATE TABLE outbox_buffers (id bigserial PRIMARY KEY, did text NOT NULL, live boolean NOT "
        "NULL, data text NOT NULL);"
        "CREATE TABLE resync_buffers (id bigserial PRIMARY KEY, did text NOT NULL, data text NOT NULL);",
        "bigint");
  }

  void repo(const OriginalRepo& row) {
    put("repos",
        {quoted(row.did), quoted(row.state), quoted(row.status), quoted(row.handle), quoted(row.rev),
         quoted(row.prev_data), quoted(row.error), std::to_string(row.retries), std::to_string(row.retry_after)});
  }
  void record(const std::string& did, const std::string& collection, const std::string& rkey, const std::string& cid) {
    put("repo_records", {quoted(did), quoted(collection), quoted(rkey), quoted(cid)});
  }
  void event(std::int64_t id, const std::string& did, bool live, const std::string& data) {
    put("outbox_buffers", {std::to_string(id), quoted(did), live ? "TRUE" : "FALSE", quoted(data)});
  }
  void held_commit(std::int64_t id, const std::string& did, const std::string& data) {
    put("resync_buffers", {std::to_string(id), quoted(did), quoted(data)});
  }
  void firehose_cursor(const std::string& url, std::int64_t cursor) {
    put("firehose_cursors", {quoted(url), std::to_string(cursor)});
  }
  void list_repos_cursor(const std::string& url, const std::string& cursor) {
    put("list_repos_cursors", {quoted(url), quoted(cursor)});
  }
  void collection_cursor(const std::string& url, const std::string& collection, const std::string& cursor) {
    put("collection_cursors", {quoted(url), quoted(collection), quoted(cursor)});
  }
  void flush() {
    if (rows_ > 0) run_("INSERT INTO " + table_ + " VALUES " + values_);
    values_.clear();
    rows_ = 0;
  }
  void run(const std::string& sql) {
    flush();
    run_(sql);
  }

 private:
  OriginalDatabase(SqlRunner run, const std::string& tables, const std::string& integer) : run_(std::move(run)) {
    run_(tables +
         "CREATE INDEX idx_repos_state_retry ON repos(state,retry_after);"
         "CREATE INDEX idx_resync_buffers_did ON resync_buffers(did);"
         "CREATE TABLE repo_records (did text,collection text,rkey text,cid text NOT NULL,PRIMARY KEY "
         "(did,collection,rkey));"
         "CREATE TABLE firehose_cursors (url text,cursor " +
         integer +
         " NOT NULL,PRIMARY KEY (url));"
         "CREATE TABLE list_repos_cursors (url text,cursor text NOT NULL,PRIMARY KEY (url));"
         "CREATE TABLE collection_cursors (url text,collection text,cursor text NOT NULL,PRIMARY KEY "
         "(url,collection));");
  }
  static std::string quoted(std::string text) {
    for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2) text.insert(at, 1, '\'');
    return "'" + std::move(text) + "'";
  }
  void put(const std::string& table, const std::vector<std::string>& columns) {
    constexpr std::size_t kBatch = 2'000;
    if (table != table_ || rows_ == kBatch) flush();
    table_ = table;
    values_ += rows_++ == 0 ? "(" : ",(";
    for (std::size_t i = 0; i < columns.size(); ++i) values_ += (i == 0 ? "" : ",") + columns[i];
    values_ += ")";
  }

  SqlRunner run_;
  std::string table_, values_;
  std::size_t rows_ = 0;
};

/// Data of an outbox row.
struct OriginalEvent {
  std::int64_t id = 0;
  std::string did;
  bool live = true;
  std::string rkey = "3kb3fge5lm32x";
  std::string action = "create";
  std::string cid = {};
  std::string rev = "3kb3fge5lm32x";

  [[nodiscard]] std::string data() const {
    std::string out = R"({"id":)" + std::to_string(id) + R"(,"type":"record","record":{"live":)" +
                      (live ? "true" : "false") + R"(,"did":")" + did + R"(","rev":")" + rev +
                      R"(","collection":"app.bsky.feed.post","rkey":")" + rkey + R"(","action":")" + action + '"';
    if (action != "delete") {
      out += R"(,"record":{"$type":"app.bsky.feed.post","text":"\u003cb\u003e it's )" + std::to_string(id) +
             R"("},"cid":")" + cid + '"';
    }
    return out + "}}";
  }
};

}  // namespace tap::test
