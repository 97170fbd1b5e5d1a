// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"
#include "tap/store/types.hpp"

#include "store/postgres/parameters.hpp"
#include "store/postgres/watch.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <pqxx/result>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tap::store::postgres {

/// SQL as a literal: its address is its key among the connection's prepared statements.
struct Sql {
  const char* text;
  consteval Sql(const char* literal) : text(literal) {}
};

/// A row of an answer. Views are valid as long as the row.
class Row {
 public:
  explicit Row(const pqxx::row& row) : row_(row) {}
  [[nodiscard]] bool is_null(int column) const { return row_[column].is_null(); }
  /// Of any width; booleans are 0 and 1, NULL is 0.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::string_view text(int column) const { return as_text(blob(column)); }
  [[nodiscard]] ByteView blob(int column) const;

 private:
  pqxx::row row_;
  mutable std::vector<std::pair<int, pqxx::binarystring>> decoded_;  // of the columns that were asked for
};

/// One connection and its prepared statements. Statements that nobody waits for are gathered and sent as one message,
/// as far as they are short; large values go in binary format with statements of their own (docs/architecture.md). No
/// wait for the server is without an end: one that hangs is given up, and the connection is lost. No exception of the
/// library leaves it. One thread at a time.
class Connection {
 public:
  /// A URL as libpq understands it; Errc::open_failed with the server's words.
  [[nodiscard]] static Result<Connection> open(const std::string& url, const std::string& application_name,
                                               Waiting waiting = {});

  /// Inside a transaction: a statement whose answer nobody waits for. Its error comes with the next that waits; until
  /// then nothing more is sent. That error is the transaction's: it may have taken BEGIN with it.
  template <class... Args>
  void queue(Sql sql, const Args&... args) {
    attempt([&] {
      if ((is_short(args) && ...)) {
        gather(sql, {literal(handle_->connection, args)...});
      } else {
        send_gathered();
        last_ = handle_->statements.exec_prepared(name_of(sql), parameter(args)...);
      }
    });
  }
  /// Waits for what is queued.
  [[nodiscard]] Result<void> flush();

  template <class... Args>
  [[nodiscard]] Result<void> run(Sql sql, const Args&... args) {
    queue(sql, args...);
    return flush();
  }

  /// Calls `visit` for each row: it returns nothing, or a Result. The whole answer is in memory.
  template <class Visit, class... Args>
  [[nodiscard]] Result<void> each(Sql sql, Visit visit, const Args&... args) {
    queue(sql, args...);
    auto answer = wait();
    if (!answer) return std::unexpected(answer.error());
    for (const pqxx::row& found : *answer) {
      const Row row(found);
      if constexpr (std::is_void_v<decltype(visit(row))>) {
        visit(row);
      } else {
        if (auto visited = visit(row); !visited) return std::unexpected(visited.error());
      }
    }
    return {};
  }

  /// The first column of the first row as an integer, empty when there is no row or it is NULL.
  template <class... Args>
  [[nodiscard]] Result<std::optional<std::int64_t>> value(Sql sql, const Args&... args) {
    queue(sql, args...);
    auto answer = wait();
    if (!answer) return std::unexpected(answer.error());
    if (answer->empty() || (*answer)[0][0].is_null()) return std::nullopt;
    return Row((*answer)[0]).integer(0);
  }

  /// Several statements that give no rows and take no arguments.
  [[nodiscard]] Result<void> script(const std::string& sql);
  /// Rows that the last statement changed that was waited for.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  /// Database, host and role, for messages.
  [[nodiscard]] const std::string& place() const { return handle_->place; }
  [[nodiscard]] bool is_lost() const {
    return is_broken_ || handle_->watch.has_given_up() || !handle_->connection.is_open();
  }
  /// Between transactions: notices that the server has closed it, without a round trip.
  void look();
  /// Ends a transaction that failed, if there is one.
  void roll_back();

 private:
  /// What stays where it is.
  struct Handle {
    Handle(const std::string& options, const std::string& url, Waiting waiting);
    pqxx::connection connection;
    pqxx::nontransaction statements;  // of all transactions: these are begun and ended by statements
    std::string place;
    Watch watch;
  };
  explicit Connection(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

  /// Runs what may wait for the server and throw, unless there is an error already.
  template <class Work>
  void attempt(Work work) {
    // Given up, it must not hear of anything more when it wakes up; a COMMIT least of all.
    if (!error_ && is_lost()) error_ = lost();
    if (error_) return;
    const auto watched = handle_->watch.begin();
    try {
      work();
    } catch (const std::exception& error) {
      note(error);
    }
  }
  void note(const std::exception& error);
  [[nodiscard]] Error lost() const;

  void gather(Sql sql, std::initializer_list<std::string> literals);
  void send_gathered();
  /// Of the prepared statement.
  [[nodiscard]] const std::string& name_of(Sql sql);
  /// The last answer of what was sent, or the first error.
  [[nodiscard]] Result<pqxx::result> wait();

  std::unique_ptr<Handle> handle_;
  std::unordered_map<const char*, std::string> names_;
  std::string gathered_;
  pqxx::result last_;
  std::optional<Error> error_;
  std::uint64_t changes_ = 0;
  bool is_broken_ = false;  // a statement has shown it, if libpq has not noticed yet
};

}  // namespace tap::store::postgres
