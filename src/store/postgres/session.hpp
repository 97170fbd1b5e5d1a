// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "store/postgres/connection.hpp"
#include "store/postgres/turns.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace tap::store::postgres {

/// The connection that writes, for as long as the store lives, over losses of the connection and failovers. It holds an
/// advisory lock on the schema, so that no other Tap uses it. Each transaction writes its number: when the connection
/// is lost in a commit, the number tells afterwards whether that went in. That is certain because the lock is taken
/// anew first, and the server gives it up only when the old session has ended.
///
/// It is the writer's, who may lend it to one other thread, between transactions. All but lend() and stop_waiting() is
/// for the writer's thread.
class Session {
 public:
  /// `silence` as in Waiting. `is_only`: there may be no other connection, not even for a moment.
  Session(std::string url, std::chrono::milliseconds silence, bool is_only);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Connects for the first time, takes the lock, and brings the schema up to date, or imports the original's.
  [[nodiscard]] Result<void> open(const CursorNames& names);

  /// Runs `work` in one transaction. When the connection is lost in the commit it waits until it knows the outcome, or
  /// for stop_waiting(). As for all that use it, the connection is made anew when it was lost: Errc::unavailable while
  /// there is no server; tries are seldom then, and most calls fail at once. Errc::superseded, from then on for ever,
  /// when somebody else has the database now or has written to it, or when it is that of an earlier time.
  [[nodiscard]] Result<void> transact(const std::function<Result<void>(Connection&)>& work);

  /// Runs a query outside of transactions.
  template <class Query>
  [[nodiscard]] std::invoke_result_t<Query, Connection&> read(Query query) {
    const auto turn = turns_.writer();
    auto connected = connection();
    if (!connected) return std::unexpected(connected.error());
    return query(**connected);
  }
  /// The same on another thread, always the same one. A transaction is waited for, but not one that takes too long, or
  /// that has lost the server: Errc::unavailable.
  [[nodiscard]] Result<void> lend(const std::function<Result<void>(Connection&)>& use);

  /// On any thread, for good: nobody waits for a server that is away or hangs any more.
  void stop_waiting();
  /// How the other connections of this store are to wait. It refers to this object.
  [[nodiscard]] const Waiting& waiting() const { return waiting_; }

 private:
  using Clock = std::chrono::steady_clock;

  /// In somebody's turn.
  [[nodiscard]] Result<Connection*> connection();
  /// The first one.
  [[nodiscard]] Result<Connection> connect_at_last();
  /// A connection with the lock.
  [[nodiscard]] Result<Connection> connect();
  /// One try to have one again; says the number of the last transaction that went in.
  [[nodiscard]] Result<std::int64_t> reconnect();
  [[nodiscard]] Result<void> learn_outcome(const Error& lost);
  [[nodiscard]] std::unexpected<Error> give_up(Error why);
  /// False when nobody is to wait any more.
  bool pause();

  std::string url_;
  std::string name_;  // of the writing session, so that its remains are known
  bool is_only_;
  Turns turns_;  // with what follows, but for the end
  std::optional<Connection> connection_;
  std::int64_t batch_ = 0;  // the last transaction that went in
  std::optional<Error> broken_;
  int busy_ = 0;  // tries in a row that met another's lock
  Clock::duration backoff_;
  Clock::time_point next_try_;
  Error trouble_{Errc::unavailable};  // why the last try failed
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  std::atomic<bool> stopping_ = false;  // set under the mutex
  Waiting waiting_;
};

}  // namespace tap::store::postgres
