// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"
#include "tap/store/types.hpp"

#include "store/postgres/parameters.hpp"
#include "store/postgres/patience.hpp"

#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace tap::store::postgres {

/// SQL as a literal: its address is its key among the connection's prepared statements.
struct Sql {
  const char* text;
  consteval Sql(const char* literal) : text(literal) {}
};

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

/// A row of an answer. Views are valid as long as the answer.
class Row {
 public:
  Row(const PGresult* answer, int row) : answer_(answer), row_(row) {}
  [[nodiscard]] bool is_null(int column) const { return PQgetisnull(answer_, row_, column) != 0; }
  /// Of any width; booleans are 0 and 1.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::string_view text(int column) const { return as_text(blob(column)); }
  [[nodiscard]] ByteView blob(int column) const;

 private:
  const PGresult* answer_;
  int row_;
};

/// One connection and its prepared statements, in libpq's pipeline mode: what need not be waited for costs no round
/// trip. (Why it is not libpqxx: docs/architecture.md.) No wait for the server is without an end: one that hangs is
/// given up, and the connection is lost. One thread at a time.
class Connection {
 public:
  /// A URL as libpq understands it; Errc::open_failed with the server's words.
  [[nodiscard]] static Result<Connection> open(const std::string& url, const std::string& application_name,
                                               Waiting waiting = {});

  /// Inside a transaction: sends a statement whose answer nobody waits for. Its error comes with the next that waits.
  template <class... Args>
  void queue(Sql sql, const Args&... args) {
    const Parameters<sizeof...(Args)> parameters(args...);
    send(sql, parameters.types(), parameters.values(), parameters.lengths());
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
    const int rows = PQntuples(answer->get());
    for (int at = 0; at < rows; ++at) {
      const Row row(answer->get(), at);
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
    if (PQntuples(answer->get()) == 0 || PQgetisnull(answer->get(), 0, 0) != 0) return std::nullopt;
    return Row(answer->get(), 0).integer(0);
  }

  /// Several statements that give no rows and take no arguments.
  [[nodiscard]] Result<void> script(const std::string& sql);
  /// Rows that the last statement changed that was waited for.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  /// Database, host and role, for messages.
  [[nodiscard]] std::string place() const;
  [[nodiscard]] bool is_lost() const { return has_hung_ || PQstatus(handle_.get()) != CONNECTION_OK; }
  /// Between transactions: notices that the server has closed it, without a round trip.
  void look();
  /// Ends a transaction that failed, if there is one.
  void roll_back();

 private:
  struct Finish {
    void operator()(PGconn* handle) const { PQfinish(handle); }
  };
  Connection(PGconn* handle, std::string url, Waiting waiting)
      : handle_(handle), url_(std::move(url)), waiting_(waiting) {}

  void send(Sql sql, std::span<const std::uint32_t> types, std::span<const char* const> values,
            std::span<const int> lengths);
  /// The last answer of what was sent, or the first error.
  [[nodiscard]] Result<Answer> wait();
  /// As PQgetResult, which waits for ever.
  [[nodiscard]] Result<Answer> next_answer();
  /// Until the system has all that was sent.
  void push();
  /// Waits a moment for the server to take or say something; false when that is in vain.
  [[nodiscard]] bool await_server(Patience& patience);
  /// Whether it answers anybody.
  [[nodiscard]] bool is_there() const;
  [[nodiscard]] Patience patience() const { return {waiting_.silence, std::chrono::steady_clock::now()}; }
  [[nodiscard]] Error lost() const;

  std::unique_ptr<PGconn, Finish> handle_;
  std::string url_;
  Waiting waiting_;
  std::size_t unsent_ = 0;  // bytes at most
  bool has_hung_ = false;
  std::unordered_map<const char*, std::string> statements_;  // their names
  std::uint64_t changes_ = 0;
  bool has_failed_ = false;
};

/// What a failed statement says.
[[nodiscard]] Error error_of(const PGresult* answer);

}  // namespace tap::store::postgres
