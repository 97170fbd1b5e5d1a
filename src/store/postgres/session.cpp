// SPDX-License-Identifier: MIT
#include "store/postgres/session.hpp"

#include "tap/base/log.hpp"

#include "store/postgres/original.hpp"
#include "store/postgres/schema.hpp"

#include <algorithm>
#include <random>
#include <thread>

namespace tap::store::postgres {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("store");
constexpr auto kFirstBackoff = 100ms;
constexpr auto kLastBackoff = 5s;
constexpr int kMostBusy = 5;
/// As long as a statement waits for a lock.
constexpr auto kLongestTransaction = 1min;
/// What is counted of a process that has just ended is gone by then.
constexpr auto kLinger = 2s;

/// A statement is planned once, perhaps while the tables are empty: all of the writer's go by an index.
constexpr const char* kPlanning = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";
/// A session that has just ended gives the lock up within moments, and one that has it keeps it.
constexpr const char* kBriefWait = "SET lock_timeout = '2s'";
constexpr const char* kUsualWait = "SET lock_timeout = '1min'";
/// An only connection cannot be made anew while the server counts the former session: it is to notice a peer that is
/// gone as soon as we do. On a Unix socket these mean nothing.
constexpr const char* kNotice =
    "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4; SET tcp_user_timeout "
    "= 40000";
/// A write, although it changes nothing: a transaction of ours that is found may not be on the standby yet, and the
/// server answers for both at once. It also refuses a server that only reads, such as a standby.
constexpr Sql kLastBatch = "UPDATE meta SET batch = batch RETURNING batch";
constexpr const char* kForeignWrites =
    "another process has written to it, or it is of an earlier time; restart to go on from what it holds";

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

/// So that the number of a transaction is nobody else's.
std::int64_t first_batch() { return static_cast<std::int64_t>(random_number() >> 2); }

/// The server's own words are what helps with a database that cannot be opened.
Error opening(const Error& error) {
  if (error == Errc::failed || error == Errc::unavailable || error == Errc::superseded) {
    return {Errc::open_failed, error.detail()};
  }
  return error;
}

}  // namespace

Session::Session(std::string url, std::chrono::milliseconds silence, bool is_only)
    : url_(std::move(url)),
      name_("tap-" + std::to_string(random_number())),
      is_only_(is_only),
      backoff_(kFirstBackoff),
      waiting_{.silence = silence, .ending = &stopping_} {}

Session::~Session() {
  if (!connection_ || connection_->is_lost()) return;
  // The server notices only a moment later that a connection is gone.
  std::ignore = connection_->script("SET statement_timeout = '1s'");
  std::ignore = connection_->each("SELECT pg_advisory_unlock_all()", [](const Row&) {});
}

Result<void> Session::open(const CursorNames& names) {
  auto connected = connect_at_last();
  if (!connected) return std::unexpected(opening(connected.error()));
  connection_.emplace(std::move(*connected));
  const auto version = version_of(*connection_);
  const bool is_original = !version && version.error() == Errc::older_schema;
  auto done = is_original ? import_original(*connection_, names, SystemClock()) : migrate(*connection_, migrations());
  // Written at once: a database that cannot be written to is not opened.
  batch_ = first_batch();
  if (done) done = connection_->run("UPDATE meta SET batch = $1", batch_);
  if (done) return done;
  const Error error = opening(done.error());
  return std::unexpected(Error(error.code(), error.detail() + " (" + connection_->place() + ")"));
}

Result<Connection> Session::connect_at_last() {
  const auto end = Clock::now() + kLinger;
  for (;;) {
    auto connected = connect();
    // libpq has no code for it; in another language there is one try.
    const bool may_come = !connected && connected.error().detail().contains("too many connections");
    if (!is_only_ || !may_come || Clock::now() > end) return connected;
    std::this_thread::sleep_for(kFirstBackoff);
  }
}

Result<Connection> Session::connect() {
  auto connection = Connection::open(url_, name_, waiting_);
  if (!connection) return connection;
  if (auto done = connection->script(kPlanning); !done) return std::unexpected(done.error());
  if (is_only_) {
    if (auto done = connection->script(kNotice); !done) return std::unexpected(done.error());
  }
  // What is left of our former session may hold the lock, on a server that has not heard that we are gone.
  auto done = connection->each(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> "
      "pg_backend_pid()",
      [](const Row&) {}, std::string_view(name_));
  if (done) done = connection->script(kBriefWait);
  if (!done) return std::unexpected(done.error());
  auto locked = connection->value(
      "SELECT 1 FROM (SELECT pg_advisory_lock((x'74617000'::bigint << 32) + n.oid::bigint) FROM pg_namespace n WHERE "
      "n.nspname = current_schema()) AS locked");
  if (!locked) {
    if (locked.error() == Errc::busy) return fail(Errc::busy, "another Tap holds this schema");
    return std::unexpected(locked.error());
  }
  if (!*locked) return fail(Errc::superseded, "search_path names no schema that exists");
  if (done = connection->script(kUsualWait); !done) return std::unexpected(done.error());
  return connection;
}

Result<Connection*> Session::connection() {
  if (broken_) return std::unexpected(*broken_);
  if (connection_) connection_->look();
  if (connection_ && !connection_->is_lost()) return &*connection_;
  auto batch = reconnect();
  if (!batch) return std::unexpected(batch.error());
  if (*batch != batch_) return give_up({Errc::superseded, kForeignWrites});
  return &*connection_;
}

Result<std::int64_t> Session::reconnect() {
  connection_.reset();
  if (Clock::now() < next_try_) return std::unexpected(trouble_);
  auto connected = connect();
  if (connected) {
    auto found = connected->value(kLastBatch);
    if (found && *found) {
      kLog.info("connected to the database again");
      backoff_ = kFirstBackoff;
      busy_ = 0;
      connection_.emplace(std::move(*connected));
      return **found;
    }
    connected = fail(found ? Error(Errc::superseded, "table meta is empty") : found.error());
  }
  next_try_ = Clock::now() + backoff_;
  backoff_ = std::min<Clock::duration>(2 * backoff_, kLastBackoff);
  const Error& error = connected.error();
  if (error == Errc::superseded) return give_up(error);
  // Our former session has been ended by then: it is another Tap.
  busy_ = error == Errc::busy ? busy_ + 1 : 0;
  if (busy_ == kMostBusy) return give_up({Errc::superseded, error.detail()});
  trouble_ = error == Errc::open_failed ? Error(Errc::unavailable, error.detail()) : error;
  return std::unexpected(trouble_);
}

Result<void> Session::lend(const std::function<Result<void>(Connection&)>& use) {
  const auto turn = turns_.reader(Clock::now() + kLongestTransaction);
  if (!turn) return fail(Errc::unavailable, "its only connection is in a transaction");
  auto connected = connection();
  if (!connected) return std::unexpected(connected.error());
  return use(**connected);
}

Result<void> Session::transact(const std::function<Result<void>(Connection&)>& work) {
  const auto turn = turns_.writer();
  auto connected = connection();
  if (!connected) return std::unexpected(connected.error());
  Connection& connection = **connected;
  connection.queue("BEGIN");
  auto done = work(connection);
  const bool is_committing = done.has_value() && !connection.is_lost();
  if (done) {
    connection.queue("UPDATE meta SET batch = $1", batch_ + 1);
    done = connection.run("COMMIT");
  }
  if (done) {
    ++batch_;
  } else if (!connection.is_lost()) {
    connection.roll_back();
  } else if (is_committing) {
    return learn_outcome(done.error());
  }
  return done;
}

Result<void> Session::learn_outcome(const Error& lost) {
  kLog.warn("the database was lost in a commit; waiting to learn its outcome", {{"error", lost.message()}});
  turns_.turn_away();
  next_try_ = {};
  for (;;) {
    const auto batch = reconnect();
    if (batch && *batch == batch_) return std::unexpected(lost);
    if (batch && *batch == batch_ + 1) {
      batch_ = *batch;
      return {};
    }
    if (batch) return give_up({Errc::superseded, kForeignWrites});
    if (broken_) return std::unexpected(*broken_);
    if (!pause()) return give_up({Errc::failed, "it was lost in a commit, whose outcome is not known"});
  }
}

std::unexpected<Error> Session::give_up(Error why) {
  broken_ = std::move(why);
  connection_.reset();
  return std::unexpected(*broken_);
}

bool Session::pause() {
  std::unique_lock lock(mutex_);
  return !stopping_changed_.wait_until(lock, next_try_, [this] { return stopping_.load(); });
}

void Session::stop_waiting() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
}

}  // namespace tap::store::postgres
