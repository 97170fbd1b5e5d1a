// SPDX-License-Identifier: MIT
#include "store/postgres/queries.hpp"

#include "store/engine.hpp"
#include "store/journal_row.hpp"
#include "store/stored.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>

namespace tap::store::postgres {
namespace {

constexpr std::int64_t kPageRows = 1'000;
constexpr std::int64_t kRowBytes = std::int64_t{kPageBytes};

JournalRow journal_row(const Row& row) {
  return {outbox::EventId{row.number(0)}, row.number(1), Marks(row.blob(2)), row.blob(3)};
}

/// For queries alone.
class OwnConnection {
 public:
  OwnConnection(std::string url, Waiting waiting) : url_(std::move(url)), waiting_(waiting) {}

  Result<void> connect() {
    auto opened = Connection::open(url_, "tap", waiting_);
    if (!opened) return std::unexpected(opened.error());
    auto done = opened->script("SET default_transaction_read_only = on");
    if (done) connection_.emplace(std::move(*opened));
    return done;
  }

  Result<void> lend(const Use& use) {
    if (!connection_ || connection_->is_lost()) {
      if (auto done = reconnect(); !done) return done;
    }
    return use(*connection_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// Fails at once for as long as the last try took in vain: a server that hangs is not waited for query by query.
  Result<void> reconnect() {
    connection_.reset();
    const auto began = Clock::now();
    if (began < next_try_) return std::unexpected(trouble_);
    auto done = connect();
    if (done) return done;
    trouble_ = {Errc::unavailable, done.error().detail()};
    const auto ended = Clock::now();
    next_try_ = ended + (ended - began);
    return std::unexpected(trouble_);
  }

  std::string url_;
  Waiting waiting_;
  std::optional<Connection> connection_;
  Clock::time_point next_try_{};
  Error trouble_{Errc::unavailable};  // of the last one
};

class PostgresQueries final : public Queries {
 public:
  PostgresQueries(Lend lend, std::shared_ptr<void> lease) : lease_(std::move(lease)), lend_(std::move(lend)) {}

  Result<std::optional<RepoDetails>> details(RepoId id) override {
    return ask<std::optional<RepoDetails>>([&](std::optional<RepoDetails>& found) {
      return connection_->each(
          "SELECT handle, error, retries, retry_after, handle_due FROM repos WHERE id = $1",
          [&](const Row& row) {
            found = RepoDetails{std::string(row.text(0)), std::string(row.text(1)),
                                static_cast<std::uint32_t>(row.integer(2)), row.integer(3), row.integer(4) != 0};
          },
          id);
    });
  }

  Result<std::vector<std::string>> collections(RepoId id) override {
    return ask<std::vector<std::string>>([&](std::vector<std::string>& out) {
      // From one collection to the next, not from record to record.
      return connection_->each(
          "WITH RECURSIVE found AS (SELECT min(collection_id) AS id FROM records WHERE repo_id = $1 UNION ALL "
          "SELECT (SELECT min(collection_id) FROM records WHERE repo_id = $1 AND collection_id > found.id) FROM found "
          "WHERE found.id IS NOT NULL) SELECT nsid FROM found JOIN collections USING (id) ORDER BY nsid",
          [&](const Row& row) { out.emplace_back(row.text(0)); }, id);
    });
  }

  Result<std::vector<Record>> records(RepoId id, const std::string& collection, const std::string& after,
                                      std::size_t max) override {
    return ask<std::vector<Record>>([&](std::vector<Record>& out) {
      return connection_->each(
          "SELECT rkey, cid FROM records WHERE repo_id = $1 AND collection_id = (SELECT id FROM collections WHERE nsid "
          "= $2) AND rkey > $3 ORDER BY rkey LIMIT $4",
          [&](const Row& row) -> Result<void> {
            auto cid = StoredCid::read(row.blob(1));
            if (!cid) return std::unexpected(cid.error());
            out.push_back({std::string(row.text(0)), *cid});
            return {};
          },
          id, std::string_view(collection), std::string_view(after), max);
    });
  }

  Result<std::vector<BufferedCommit>> buffered(RepoId id, std::int64_t after, std::size_t max) override {
    return ask<std::vector<BufferedCommit>>([&](std::vector<BufferedCommit>& out) {
      return connection_->each(
          "SELECT id, rev, body FROM (SELECT id, rev, body, sum(octet_length(body)) OVER (ORDER BY id) - "
          "octet_length(body) AS before FROM (SELECT id, rev, body FROM resync_buffer WHERE repo_id = $1 AND id > $2 "
          "ORDER BY id LIMIT $3) AS next) AS page WHERE before < $4 ORDER BY id",
          [&](const Row& row) {
            const ByteView body = row.blob(2);
            out.push_back({row.integer(0), from_ordered(row.integer(1)), Bytes(body.begin(), body.end())});
          },
          id, after, std::min<std::size_t>(max, kPageRows), kRowBytes);
    });
  }

  Result<std::uint64_t> buffered_count() override {
    return ask<std::uint64_t>([&](std::uint64_t& count) -> Result<void> {
      auto found = connection_->value("SELECT count(*) FROM resync_buffer");
      if (!found) return std::unexpected(found.error());
      count = static_cast<std::uint64_t>(found->value_or(0));
      return {};
    });
  }

  Result<std::string> cursor(const std::string& kind, const std::string& key) override {
    return ask<std::string>([&](std::string& value) {
      return connection_->each(
          "SELECT value FROM cursors WHERE kind = $1 AND key = $2", [&](const Row& row) { value = row.text(0); },
          std::string_view(kind), as_bytes(key));
    });
  }

  Result<std::vector<outbox::Event>> events(outbox::EventId after, std::size_t max) override {
    return ask<std::vector<outbox::Event>>([&](std::vector<outbox::Event>& out) -> Result<void> {
      if (max == 0) return {};
      auto begin = first_row(after);
      if (!begin) return std::unexpected(begin.error());
      std::size_t bytes = 0;
      while (*begin && out.size() < max && bytes < kPageBytes) {
        const outbox::EventId row = **begin;
        begin->reset();
        auto done = each_row(row, outbox::EventId{kLastId}, [&](const Row& found) -> Result<void> {
          if (out.size() >= max || bytes >= kPageBytes) return {};
          *begin = store::after(outbox::EventId{found.number(0)});
          auto read = take_events(journal_row(found), {.first = store::after(after), .max = max}, out, bytes);
          if (!read) return std::unexpected(read.error());
          return {};
        });
        if (!done) return done;
      }
      return {};
    });
  }

  Result<outbox::LanePage> lane_events(outbox::LaneKey lane, outbox::EventId first, outbox::EventId last,
                                       std::size_t max) override {
    return ask<outbox::LanePage>([&](outbox::LanePage& page) -> Result<void> {
      page.next = store::after(last);
      auto begin = first_row(first);
      if (!begin) return std::unexpected(begin.error());
      std::size_t bytes = 0;
      std::size_t looked_at = 0;
      bool is_full = false;
      while (*begin && !is_full) {
        const outbox::EventId row = **begin;
        begin->reset();
        auto done = each_row(row, last, [&](const Row& found) -> Result<void> {
          if (is_full) return {};
          const outbox::EventId id{found.number(0)};
          if (page.events.size() >= max || bytes >= kPageBytes || looked_at >= kMostLookedAt) {
            page.next = std::min(page.next, id);
            is_full = true;
            return {};
          }
          *begin = store::after(id);
          looked_at += found.blob(3).size();
          auto read = take_events(journal_row(found), {first, last, lane, max}, page.events, bytes);
          if (!read) return std::unexpected(read.error());
          is_full = *read;
          if (is_full) page.next = store::after(page.events.back().id);
          return {};
        });
        if (!done) return done;
      }
      return {};
    });
  }

  Result<std::vector<outbox::DeadLetter>> dead_letters(const std::string& did, outbox::EventId after,
                                                       std::size_t max) override {
    return ask<std::vector<outbox::DeadLetter>>([&](std::vector<outbox::DeadLetter>& out) {
      const auto take = [&](const Row& row) { out.push_back(read_letter(row)); };
      const auto rows = std::min<std::size_t>(max, kPageRows);
      if (did.empty()) {
        return connection_->each(
            "SELECT id, lane, barrier, did, attempts, since, reason, body FROM (SELECT *, sum(octet_length(body)) OVER "
            "(ORDER BY id) - octet_length(body) AS before FROM (SELECT * FROM dead_letters WHERE id > $1 ORDER BY id "
            "LIMIT $2) AS next) AS page WHERE before < $3 ORDER BY id",
            take, after, rows, kRowBytes);
      }
      return connection_->each(
          "SELECT id, lane, barrier, did, attempts, since, reason, body FROM (SELECT *, sum(octet_length(body)) OVER "
          "(ORDER BY id) - octet_length(body) AS before FROM (SELECT * FROM dead_letters WHERE did = $4 AND id > $1 "
          "ORDER BY id LIMIT $2) AS next) AS page WHERE before < $3 ORDER BY id",
          take, after, rows, kRowBytes, std::string_view(did));
    });
  }

 private:
  static constexpr std::uint64_t kLastId = std::numeric_limits<std::int64_t>::max();

  /// A query that meets a lost connection is asked once more on a new one.
  template <class T, std::invocable<T&> Query>
  Result<T> ask(Query query) {
    for (int attempt = 0;; ++attempt) {
      T out{};
      bool is_lost = false;
      auto done = lend_([&](Connection& connection) {
        connection_ = &connection;
        auto asked = query(out);
        is_lost = connection.is_lost();
        return asked;
      });
      if (done) return out;
      if (attempt > 0 || !is_lost) return std::unexpected(done.error());
    }
  }

  /// The row that an event lies in, if it is there, or one before it. Empty when there is none.
  Result<std::optional<outbox::EventId>> first_row(outbox::EventId id) {
    auto row = connection_->value("SELECT coalesce(max(id), 0) FROM journal WHERE id <= $1", id);
    if (!row) return std::unexpected(row.error());
    return outbox::EventId{static_cast<std::uint64_t>(row->value_or(0))};
  }

  /// A page of rows that have an event left, from this one on.
  template <class Visit>
  Result<void> each_row(outbox::EventId from, outbox::EventId last, Visit visit) {
    return connection_->each(
        "SELECT id, count, marks, events FROM (SELECT id, count, marks, events, sum(octet_length(events)) OVER (ORDER "
        "BY id) - octet_length(events) AS before FROM (SELECT j.id, j.count, coalesce(a.marks, '') AS marks, j.events "
        "FROM journal j LEFT JOIN journal_acks a ON a.id = j.id WHERE j.id >= $1 AND j.id <= $2 AND j.count > "
        "coalesce(a.acked, 0) ORDER BY j.id LIMIT $3) AS next) AS page WHERE before < $4 ORDER BY id",
        visit, from, last, kPageRows, kRowBytes);
  }

  std::shared_ptr<void> lease_;
  Lend lend_;
  Connection* connection_ = nullptr;  // inside ask()
};

}  // namespace

Result<Lend> own_connection(std::string url, Waiting waiting) {
  auto own = std::make_unique<OwnConnection>(std::move(url), waiting);
  if (auto done = own->connect(); !done) return std::unexpected(done.error());
  return [own = std::move(own)](const Use& use) { return own->lend(use); };
}

std::unique_ptr<Queries> make_queries(Lend lend, std::shared_ptr<void> lease) {
  return std::make_unique<PostgresQueries>(std::move(lend), std::move(lease));
}

}  // namespace tap::store::postgres
