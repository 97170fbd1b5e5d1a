// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"
#include "tap/store/types.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace tap::store::sqlite {

/// SQL as a literal: its address is its key in the cache of prepared statements.
struct Sql {
  const char* text;
  consteval Sql(const char* literal) : text(literal) {}
};

/// The row that a statement stands on. Views are valid until the next row.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] bool is_integer(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_INTEGER; }
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::string_view text(int column) const { return as_text(blob(column)); }
  [[nodiscard]] ByteView blob(int column) const;

 private:
  sqlite3_stmt* statement_;
};

enum class Mode : std::uint8_t { read_write, read_only };

/// One connection with our pragmas, and its prepared statements. One thread at a time.
class Database {
 public:
  /// The file is created when it is not there and the mode is read_write.
  [[nodiscard]] static Result<Database> open(const std::string& path, Mode mode);

  /// Runs a statement to its end.
  template <class... Args>
  [[nodiscard]] Result<void> run(Sql sql, const Args&... args) {
    return each(sql, [](const Row&) { return false; }, args...);
  }

  /// Calls `visit` for each row: it returns nothing, or whether to go on, or a Result of either.
  template <class Visit, class... Args>
  [[nodiscard]] Result<void> each(Sql sql, Visit visit, const Args&... args);

  /// The first column of the first row as an integer, empty when there is no row or it is NULL.
  template <class... Args>
  [[nodiscard]] Result<std::optional<std::int64_t>> value(Sql sql, const Args&... args) {
    std::optional<std::int64_t> found;
    auto done = each(
        sql,
        [&](const Row& row) {
          if (!row.is_null(0)) found = row.integer(0);
          return false;
        },
        args...);
    if (!done) return std::unexpected(done.error());
    return found;
  }

  /// Several statements that give no rows and take no arguments: schema and pragmas.
  [[nodiscard]] Result<void> script(const std::string& sql);
  /// Rows that the last statement changed.
  [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  [[nodiscard]] Error error(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}

  [[nodiscard]] Result<sqlite3_stmt*> prepared(Sql sql);
  static int bind(sqlite3_stmt* statement, int at, std::string_view text);
  static int bind(sqlite3_stmt* statement, int at, ByteView bytes);
  static int bind(sqlite3_stmt* statement, int at, std::nullopt_t) { return sqlite3_bind_null(statement, at); }
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  static int bind(sqlite3_stmt* statement, int at, T value) {
    return sqlite3_bind_int64(statement, at, static_cast<std::int64_t>(value));
  }

  std::unique_ptr<sqlite3, Close> handle_;
  std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;  // closed before the handle
};

template <class Visit, class... Args>
Result<void> Database::each(Sql sql, Visit visit, const Args&... args) {
  auto statement = prepared(sql);
  if (!statement) return std::unexpected(statement.error());
  struct Reset {  // the arguments die with the caller's statement
    sqlite3_stmt* statement;
    ~Reset() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  } reset{*statement};
  int code = SQLITE_OK;
  int at = 0;
  ((code = code == SQLITE_OK ? bind(*statement, ++at, args) : code), ...);
  if (code != SQLITE_OK) return std::unexpected(error(code));

  while ((code = sqlite3_step(*statement)) == SQLITE_ROW) {
    const Row row(*statement);
    using Answer = decltype(visit(row));
    if constexpr (std::is_void_v<Answer>) {
      visit(row);
    } else if constexpr (std::is_same_v<Answer, bool>) {
      if (!visit(row)) return {};
    } else if constexpr (std::is_same_v<Answer, Result<bool>>) {
      auto visited = visit(row);
      if (!visited) return std::unexpected(visited.error());
      if (!*visited) return {};
    } else {
      if (auto visited = visit(row); !visited) return visited;
    }
  }
  if (code != SQLITE_DONE) return std::unexpected(error(code));
  return {};
}

/// Takes the write lock at once; rolled back unless commit() succeeds.
class Transaction {
 public:
  [[nodiscard]] static Result<Transaction> begin(Database& database, Sql how = "BEGIN IMMEDIATE");
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  [[nodiscard]] Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace tap::store::sqlite
