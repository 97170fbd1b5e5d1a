// SPDX-License-Identifier: MIT
#include "store/postgres/connection.hpp"

#include <array>
#include <charconv>
#include <numeric>
#include <poll.h>

namespace tap::store::postgres {
namespace {

/// Before the URL, which may say otherwise. What the system finds out about a peer that is gone comes on top of our own
/// patience, which knows of a server that hangs.
constexpr std::array<std::pair<const char*, const char*>, 5> kDefaults = {{{"connect_timeout", "10"},
                                                                           {"keepalives_idle", "20"},
                                                                           {"keepalives_interval", "5"},
                                                                           {"keepalives_count", "4"},
                                                                           {"tcp_user_timeout", "40000"}}};
/// Bytes handed over before they are seen to be sent: libpq keeps any number of them.
constexpr std::size_t kMostUnsent = std::size_t{1} << 20;
/// Of a wait: it may end meanwhile, and bytes that TLS holds back do not wake anybody.
constexpr int kMomentMs = 100;
/// Our statements are short: to compile one costs more than it saves.
constexpr const char* kSettings = "SET statement_timeout = '10min'; SET lock_timeout = '1min'; SET jit = off";

Errc meaning(std::string_view state) {
  if (state == "53100") return Errc::full;
  if (state == "55P03") return Errc::busy;
  if (state == "25006") return Errc::read_only;
  if (state == "XX001" || state == "XX002") return Errc::corrupt;
  // Tables, columns or the schema are gone.
  if (state == "42P01" || state == "42703" || state == "3F000") return Errc::superseded;
  // No state: the connection broke. Else connection trouble, too many of them, and a server that stops or starts.
  if (state.empty() || state.starts_with("08") || state == "53300" || state.starts_with("57P")) {
    return Errc::unavailable;
  }
  return Errc::failed;
}

/// What libpq is told of a connection, the later word counting. Texts must outlive it.
class Settings {
 public:
  Settings(const std::string& url, const char* application_name) {
    for (const auto& [key, value] : kDefaults) add(key, value);
    add("dbname", url.c_str());
    add("application_name", application_name);
    add("client_encoding", "UTF8");
  }
  void add(const char* key, const char* value) {
    keys_.insert(keys_.end() - 1, key);
    values_.insert(values_.end() - 1, value);
  }
  [[nodiscard]] const char* const* keys() const { return keys_.data(); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }

 private:
  std::vector<const char*> keys_ = {nullptr};
  std::vector<const char*> values_ = {nullptr};
};

/// libpq ends its messages with a line break.
std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return std::string(text);
}

/// Why libpq cannot read it, or nothing. Its messages repeat what they complain of, which may be the password.
std::optional<std::string> fault_of(const std::string& url) {
  char* text = nullptr;
  PQconninfoOption* options = PQconninfoParse(url.c_str(), &text);
  if (options != nullptr) {
    PQconninfoFree(options);
    return std::nullopt;
  }
  const std::unique_ptr<char, decltype(&PQfreemem)> owned(text, &PQfreemem);
  const std::string_view message = text == nullptr ? "out of memory" : text;
  if (message.starts_with("invalid URI query parameter")) return trimmed(message);  // the name, not the value
  return std::string(message.substr(0, message.find(": \"")));
}

}  // namespace

Error error_of(const PGresult* answer) {
  const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  if (text == nullptr) text = PQresultErrorMessage(answer);
  return {meaning(state == nullptr ? "" : state), trimmed(text)};
}

std::int64_t Row::integer(int column) const {
  const ByteView bytes = blob(column);
  if (bytes.empty()) return 0;
  std::uint64_t value = (bytes[0] & 0x80) != 0 && bytes.size() > 1 ? ~std::uint64_t{0} : 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return static_cast<std::int64_t>(value);
}

ByteView Row::blob(int column) const {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(PQgetvalue(answer_, row_, column));
  return {bytes, static_cast<std::size_t>(PQgetlength(answer_, row_, column))};
}

Result<Connection> Connection::open(const std::string& url, const std::string& application_name, Waiting waiting) {
  if (auto fault = fault_of(url)) return fail(Errc::open_failed, *std::move(fault));
  const Settings settings(url, application_name.c_str());
  Connection connection(PQconnectdbParams(settings.keys(), settings.values(), 1), url, waiting);
  PGconn* handle = connection.handle_.get();
  if (handle == nullptr) return fail(Errc::open_failed, "out of memory");
  if (connection.is_lost()) {
    return fail(Errc::open_failed, trimmed(PQerrorMessage(handle)) + " (" + connection.place() + ")");
  }
  PQsetNoticeReceiver(handle, [](void*, const PGresult*) {}, nullptr);
  PQsetnonblocking(handle, 1);
  if (auto done = connection.script(kSettings); !done) return std::unexpected(done.error());
  return connection;
}

void Connection::send(Sql sql, std::span<const std::uint32_t> types, std::span<const char* const> values,
                      std::span<const int> lengths) {
  // Given up, it must not hear of anything more when it wakes up; a COMMIT least of all.
  if (is_lost()) return;
  // Behind an error it is not known which statements the server has.
  if (has_failed_ && PQtransactionStatus(handle_.get()) == PQTRANS_IDLE) {
    std::ignore = script("DEALLOCATE ALL");
    statements_.clear();
    has_failed_ = false;
  }
  // Whether it went out shows when its answer is waited for.
  const auto count = static_cast<int>(values.size());
  const auto [found, is_new] = statements_.try_emplace(sql.text, "s" + std::to_string(statements_.size()));
  if (is_new) PQsendPrepare(handle_.get(), found->second.c_str(), sql.text, count, types.data());
  const std::vector<int> formats(values.size(), 1);
  PQsendQueryPrepared(handle_.get(), found->second.c_str(), count, values.data(), lengths.data(), formats.data(), 1);
  unsent_ += std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  if (unsent_ > kMostUnsent) push();
}

void Connection::push() {
  for (Patience patience = this->patience(); !is_lost() && PQflush(handle_.get()) > 0;) {
    if (!await_server(patience)) return;
  }
  unsent_ = 0;
}

bool Connection::await_server(Patience& patience) {
  PGconn* handle = handle_.get();
  const bool is_sending = PQflush(handle) > 0;
  pollfd socket{
      .fd = PQsocket(handle), .events = static_cast<short>(POLLIN | (is_sending ? POLLOUT : 0)), .revents = 0};
  const bool moved = ::poll(&socket, 1, kMomentMs) > 0;
  if (PQconsumeInput(handle) == 0) return false;  // PQgetResult says why
  const auto now = std::chrono::steady_clock::now();
  if (moved) patience.heard(now);
  const auto verdict = patience.judge(now, waiting_.ending != nullptr && *waiting_.ending);
  has_hung_ = verdict == Patience::Verdict::give_up || (verdict == Patience::Verdict::ask && !is_there());
  return !has_hung_;
}

bool Connection::is_there() const {
  Settings settings(url_, "tap ping");
  // Of several hosts this one.
  settings.add("host", PQhost(handle_.get()));
  settings.add("hostaddr", PQhostaddr(handle_.get()));
  settings.add("port", PQport(handle_.get()));
  settings.add("target_session_attrs", "any");
  return PQpingParams(settings.keys(), settings.values(), 1) != PQPING_NO_RESPONSE;
}

Result<Answer> Connection::next_answer() {
  for (Patience patience = this->patience(); PQisBusy(handle_.get()) != 0 && await_server(patience);) {
  }
  if (has_hung_) return std::unexpected(lost());
  return Answer(PQgetResult(handle_.get()));
}

Result<Answer> Connection::wait() {
  if (is_lost() || PQpipelineSync(handle_.get()) == 0) return std::unexpected(lost());
  Answer last;
  std::optional<Error> error;
  bool at_end_of_one = false;
  for (;;) {
    auto next = next_answer();
    if (!next) return std::unexpected(error.value_or(next.error()));
    Answer answer = std::move(*next);
    if (!answer) {  // between answers there is one of these; two mean that there is nobody any more
      if (at_end_of_one || is_lost()) return std::unexpected(error.value_or(lost()));
      at_end_of_one = true;
      continue;
    }
    at_end_of_one = false;
    switch (PQresultStatus(answer.get())) {
      case PGRES_PIPELINE_SYNC:
        if (!error) return last;
        has_failed_ = true;
        return std::unexpected(*error);
      case PGRES_PIPELINE_ABORTED:
        break;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK: {
        const std::string_view changed = PQcmdTuples(answer.get());
        changes_ = 0;
        std::from_chars(changed.data(), changed.data() + changed.size(), changes_);
        last = std::move(answer);
        break;
      }
      default:
        if (!error) error = error_of(answer.get());
    }
  }
}

Result<void> Connection::flush() {
  auto answer = wait();
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<void> Connection::script(const std::string& sql) {
  if (is_lost()) return std::unexpected(lost());
  PQexitPipelineMode(handle_.get());
  Answer last;
  for (bool more = PQsendQuery(handle_.get(), sql.c_str()) != 0; more;) {
    auto answer = next_answer();
    if (!answer) return std::unexpected(answer.error());
    more = *answer != nullptr;
    if (more) last = std::move(*answer);
  }
  PQenterPipelineMode(handle_.get());
  if (last && PQresultStatus(last.get()) == PGRES_COMMAND_OK) return {};
  return std::unexpected(last ? error_of(last.get()) : lost());
}

void Connection::look() {
  // A farewell may come before the end.
  pollfd socket{.fd = PQsocket(handle_.get()), .events = POLLIN, .revents = 0};
  while (!is_lost() && ::poll(&socket, 1, 0) > 0 && PQconsumeInput(handle_.get()) != 0) {
  }
}

void Connection::roll_back() {
  std::ignore = flush();
  if (!is_lost() && PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) std::ignore = script("ROLLBACK");
}

std::string Connection::place() const {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  const PGconn* handle = handle_.get();
  return "database " + text(PQdb(handle)) + " at " + text(PQhost(handle)) + ":" + text(PQport(handle)) + ", role " +
         text(PQuser(handle));
}

Error Connection::lost() const {
  if (has_hung_) return {Errc::unavailable, "the server does not answer (" + place() + ")"};
  return {Errc::unavailable, trimmed(PQerrorMessage(handle_.get()))};
}

}  // namespace tap::store::postgres
