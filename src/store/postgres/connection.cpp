// SPDX-License-Identifier: MIT
#include "store/postgres/connection.hpp"

#include "store/postgres/ping.hpp"
#include "store/postgres/settings.hpp"

#include <algorithm>
#include <charconv>
#include <poll.h>
#include <pqxx/except>

namespace tap::store::postgres {
namespace {

/// Bytes of statements that are sent together. The server logs all of them when one fails.
constexpr std::size_t kMostGathered = std::size_t{64} << 10;
/// Our statements are short: to compile one costs more than it saves.
constexpr const char* kSettings = "SET statement_timeout = '10min'; SET lock_timeout = '1min'; SET jit = off";
constexpr pqxx::oid kBytea = 17;

Errc meaning(std::string_view state) {
  if (state == "53100") return Errc::full;
  if (state == "55P03") return Errc::busy;
  if (state == "25006") return Errc::read_only;
  if (state == "XX001" || state == "XX002") return Errc::corrupt;
  // Tables, columns or the schema are gone.
  if (state == "42P01" || state == "42703" || state == "3F000") return Errc::superseded;
  // No state: the connection broke. Else a server that stops or starts.
  if (state.empty() || state.starts_with("57P")) return Errc::unavailable;
  return Errc::failed;
}

template <class Kind>
bool is_a(const std::exception& error) {
  return dynamic_cast<const Kind*>(&error) != nullptr;
}

Errc meaning(const std::exception& error) {
  // libpqxx drops the state of these, and knows 08 and 53300 as broken connections.
  if (is_a<pqxx::statement_completion_unknown>(error)) return Errc::unavailable;
  if (is_a<pqxx::transaction_rollback>(error)) return Errc::failed;
  if (is_a<pqxx::insufficient_privilege>(error)) return Errc::failed;
  if (const auto* refused = dynamic_cast<const pqxx::sql_error*>(&error)) return meaning(refused->sqlstate());
  // Text that cannot be sent. All else may have come behind a commit: what became of that is to be learned.
  return is_a<pqxx::argument_error>(error) ? Errc::failed : Errc::unavailable;
}

/// libpq ends its messages with a line break.
std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return std::string(text);
}

/// The message itself: libpq puts the severity before it, in the server's language, and more lines behind it.
std::string primary(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  const std::size_t severity = text.find(":  ");
  return trimmed(severity == std::string_view::npos ? text : text.substr(severity + 3));
}

std::string text_of(const char* value) { return value == nullptr ? "" : value; }

}  // namespace

std::int64_t Row::integer(int column) const {
  const pqxx::field field = row_[column];
  const std::string_view text(field.c_str(), field.size());
  if (text == "t") return 1;
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

ByteView Row::blob(int column) const {
  const pqxx::field field = row_[column];
  if (field.type() != kBytea) return as_bytes({field.c_str(), field.size()});
  auto found = std::ranges::find(decoded_, column, &std::pair<int, pqxx::binarystring>::first);
  if (found == decoded_.end()) found = decoded_.insert(found, {column, pqxx::binarystring(field)});
  return {found->second.data(), found->second.size()};
}

Connection::Handle::Handle(const std::string& options, const std::string& url, Waiting waiting)
    : connection(options),
      statements(connection, "tap"),
      place("database " + text_of(connection.dbname()) + " at " + text_of(connection.hostname()) + ":" +
            text_of(connection.port()) + ", role " + text_of(connection.username())),
      watch(connection.sock(), waiting,
            Ping(url, connection.sock(), text_of(connection.hostname()), text_of(connection.port()))) {
  // A new session would be without lock and settings. (libpqxx 7 never makes one.)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
  connection.inhibit_reactivation(true);
#pragma clang diagnostic pop
}

Result<Connection> Connection::open(const std::string& url, const std::string& application_name, Waiting waiting) {
  auto settings = Settings::of(url, application_name);
  if (!settings) return std::unexpected(settings.error());
  try {
    Connection connection(std::make_unique<Handle>(settings->text(), url, waiting));
    if (auto done = connection.script(kSettings); !done) return std::unexpected(done.error());
    return connection;
  } catch (const std::exception& error) {
    return fail(Errc::open_failed, trimmed(error.what()) + " (" + settings->place() + ")");
  }
}

void Connection::gather(Sql sql, std::initializer_list<std::string> literals) {
  std::string statement = sql.text;
  if (literals.size() > 0) {
    statement = "EXECUTE " + name_of(sql);
    char before = '(';
    for (const std::string& literal : literals) {
      statement += before;
      statement += literal;
      before = ',';
    }
    statement += ')';
  }
  gathered_ += statement;
  gathered_ += ';';
  if (gathered_.size() > kMostGathered) send_gathered();
}

void Connection::send_gathered() {
  if (gathered_.empty()) return;
  last_ = handle_->statements.exec(std::exchange(gathered_, {}));
}

const std::string& Connection::name_of(Sql sql) {
  const auto [found, is_new] = names_.try_emplace(sql.text, "s" + std::to_string(names_.size()));
  if (is_new) handle_->connection.prepare(found->second, sql.text);
  handle_->connection.prepare_now(found->second);
  return found->second;
}

Result<pqxx::result> Connection::wait() {
  attempt([this] { send_gathered(); });
  gathered_.clear();
  pqxx::result answer = std::exchange(last_, {});
  if (error_) return std::unexpected(*std::exchange(error_, std::nullopt));
  changes_ = answer.affected_rows();
  return answer;
}

Result<void> Connection::flush() {
  auto answer = wait();
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<void> Connection::script(const std::string& sql) {
  attempt([&] {
    send_gathered();
    last_ = handle_->statements.exec(sql);
  });
  return flush();
}

void Connection::look() {
  // A farewell may come before the end.
  pollfd socket{.fd = handle_->connection.sock(), .events = POLLIN, .revents = 0};
  attempt([&] {
    while (!is_lost() && ::poll(&socket, 1, 0) > 0) handle_->connection.get_notifs();
  });
  error_.reset();
}

void Connection::roll_back() {
  gathered_.clear();
  error_.reset();
  std::ignore = script("ROLLBACK");
}

void Connection::note(const std::exception& error) {
  const Errc code = meaning(error);
  is_broken_ = code == Errc::unavailable;
  // libpqxx's own words tell less.
  const bool is_silent = !handle_->connection.is_open() || handle_->watch.has_given_up();
  error_ = is_broken_ && is_silent ? lost() : Error(code, primary(error.what()));
}

Error Connection::lost() const {
  if (handle_->watch.has_given_up()) return {Errc::unavailable, "the server does not answer (" + place() + ")"};
  return {Errc::unavailable, "the connection is lost"};
}

}  // namespace tap::store::postgres
