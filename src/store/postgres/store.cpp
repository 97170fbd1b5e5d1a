// SPDX-License-Identifier: MIT
#include "store/postgres/store.hpp"

#include "store/postgres/journal_table.hpp"
#include "store/postgres/queries.hpp"
#include "store/postgres/session.hpp"
#include "store/postgres/tables.hpp"
#include "store/postgres/vacuum.hpp"

#include <atomic>
#include <optional>

namespace tap::store::postgres {
namespace {

class PostgresEngine final : public Engine {
 public:
  PostgresEngine(std::string url, const StoreOptions& options)
      : url_(url),
        lends_(options.max_connections <= 1),
        session_(std::move(url), options.server_silence, lends_),
        max_queries_(options.max_connections > 2 ? options.max_connections - 2 : 1) {
    if (options.max_connections > 2) vacuum_.emplace(url_, session_.waiting());
  }
  Result<void> open(const CursorNames& names) { return session_.open(names); }

  Result<void> transact(const std::function<Result<void>()>& work) override {
    auto done = session_.transact([&](Connection& connection) {
      transaction_ = &connection;
      return work();
    });
    transaction_ = nullptr;
    if (!done) tables_.forget();
    if (const std::uint64_t freed = journal_.take_freed(); done && vacuum_) vacuum_->add(freed);
    return done;
  }

  Result<outbox::EventId> append(JournalWriter& journal, Counters& counters) override {
    return JournalTable::append(*transaction_, journal, counters);
  }
  Result<void> append_changes(JournalWriter& journal, Counters& counters) override {
    JournalTable::append_changes(*transaction_, journal, counters);
    return {};
  }
  Result<void> acknowledge(std::span<const outbox::EventId> ids, const Counters&) override {
    return journal_.acknowledge(*transaction_, ids);
  }
  Result<void> save_counters(const Counters&, const Counters& now) override {
    transaction_->queue("UPDATE meta SET next_event = $1, folded = $2, last_repo = $3", now.next_event, now.folded,
                        now.last_repo);
    return {};
  }
  Result<void> apply(const Mutation& mutation) override {
    return apply_change(mutation, [this](const auto& change) -> decltype(tables_.apply(*transaction_, change)) {
      return tables_.apply(*transaction_, change);
    });
  }
  Result<void> fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections) override {
    return tables_.fold(*transaction_, repos, collections);
  }
  Result<void> release_changes(outbox::EventId, outbox::EventId now) override {
    transaction_->queue("DELETE FROM journal_changes WHERE id < $1", now);
    return {};
  }
  Result<std::uint64_t> set_aside(const outbox::DeadLetter& letter) override {
    return Tables::add(*transaction_, letter);
  }
  Result<std::uint64_t> drop_dead_letters(std::span<const outbox::EventId> ids) override {
    return Tables::drop(*transaction_, ids);
  }

  Result<Counters> read_counters() override {
    Counters counters;
    auto done = read([&](Connection& connection) {
      return connection.each("SELECT next_event, folded, last_repo, (SELECT count(*) FROM dead_letters) FROM meta",
                             [&](const Row& row) {
                               counters = {.next_event = outbox::EventId{row.number(0)},
                                           .folded = outbox::EventId{row.number(1)},
                                           .last_repo = RepoId{row.number(2)},
                                           .dead_letters = row.number(3)};
                             });
    });
    if (!done) return std::unexpected(done.error());
    return counters;
  }
  Result<void> each_repo(const std::function<void(RepoRow&)>& sink) override {
    return read([&](Connection& connection) { return Tables::each_repo(connection, sink); });
  }
  Result<void> each_change(outbox::EventId from, const ChangeVisitor& visit) override {
    return read([&](Connection& connection) { return JournalTable::each_change(connection, from, visit); });
  }
  Result<std::uint64_t> undelivered() override {
    return read([&](Connection& connection) { return JournalTable::undelivered(connection); });
  }

  /// Rows of changes go with the fold, rows of events with their last ack: only thinning is left.
  Result<bool> sweep(const Counters& counters) override {
    auto rows = read([&](Connection& connection) { return journal_.find_thin(connection, counters); });
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return false;
    if (auto done = transact([&] { return JournalTable::thin(*transaction_, *rows); }); !done) {
      return std::unexpected(done.error());
    }
    return JournalTable::may_be_more(rows->size());
  }
  Result<bool> vacuum() override {
    if (vacuum_) vacuum_->idle();
    return false;
  }
  // The server minds its own log.
  std::uint64_t log_bytes() const override { return 0; }
  Result<void> checkpoint() override { return {}; }

  Result<std::unique_ptr<Queries>> queries() override {
    // On the loop as well as here: a lease comes back when its owner goes.
    std::shared_ptr<void> lease(new char, [open = open_queries_](char* token) {
      delete token;
      --*open;
    });
    if (++*open_queries_ > max_queries_) return fail(Errc::unavailable, "max-db-conn connections are open");
    if (lends_) return make_queries([this](const Use& use) { return session_.lend(use); }, std::move(lease));
    auto own = own_connection(url_, session_.waiting());
    if (!own) return std::unexpected(own.error());
    return make_queries(std::move(*own), std::move(lease));
  }
  void stop_waiting() override { session_.stop_waiting(); }

 private:
  /// Inside the transaction, if one is under way.
  template <class Query>
  std::invoke_result_t<Query, Connection&> read(Query query) {
    return transaction_ == nullptr ? session_.read(query) : query(*transaction_);
  }

  std::string url_;
  bool lends_;  // the one connection there may be
  Session session_;
  Connection* transaction_ = nullptr;  // inside transact()
  Tables tables_;
  JournalTable journal_;
  std::size_t max_queries_;
  std::optional<Vacuum> vacuum_;  // where there is a connection left for it
  std::shared_ptr<std::atomic<std::size_t>> open_queries_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace

Result<std::unique_ptr<Engine>> open(const std::string& url, const StoreOptions& options) {
  auto engine = std::make_unique<PostgresEngine>(url, options);
  if (auto done = engine->open(options.cursor_names); !done) return std::unexpected(done.error());
  return engine;
}

}  // namespace tap::store::postgres
