// SPDX-License-Identifier: MIT
#include "store/sqlite/queries.hpp"

#include "store/engine.hpp"
#include "store/journal_row.hpp"
#include "store/sqlite/rkey.hpp"
#include "store/stored.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

namespace tap::store::sqlite {
namespace {

JournalRow journal_row(const Row& row) {
  return {outbox::EventId{row.number(0)}, row.number(1), Marks(row.blob(2)), row.blob(3)};
}

class SqliteQueries final : public Queries {
 public:
  explicit SqliteQueries(Database database) : database_(std::move(database)) {}

  Result<std::optional<RepoDetails>> details(RepoId id) override {
    std::optional<RepoDetails> found;
    auto done = database_.each(
        "SELECT handle, error, retries, retry_after, handle_due FROM repos WHERE id = ?",
        [&](const Row& row) {
          found = RepoDetails{std::string(row.text(0)), std::string(row.text(1)),
                              static_cast<std::uint32_t>(row.integer(2)), row.integer(3), row.integer(4) != 0};
        },
        id);
    if (!done) return std::unexpected(done.error());
    return found;
  }

  Result<std::vector<std::string>> collections(RepoId id) override {
    std::vector<std::string> out;
    // From one collection to the next, not from record to record.
    std::optional<std::int64_t> last = 0;
    for (;;) {
      auto next =
          database_.value("SELECT min(collection_id) FROM records WHERE repo_id = ? AND collection_id > ?", id, *last);
      if (!next) return std::unexpected(next.error());
      if (!*next) break;
      last = *next;
      auto named = database_.each(
          "SELECT nsid FROM collections WHERE id = ?", [&](const Row& row) { out.emplace_back(row.text(0)); }, *last);
      if (!named) return std::unexpected(named.error());
    }
    std::ranges::sort(out);
    return out;
  }

  Result<std::vector<Record>> records(RepoId id, const std::string& collection, const std::string& after,
                                      std::size_t max) override {
    auto number = database_.value("SELECT id FROM collections WHERE nsid = ?", std::string_view(collection));
    if (!number) return std::unexpected(number.error());
    if (!*number) return std::vector<Record>{};

    std::vector<Record> tids;
    if (const auto first = first_number_after(after)) {
      auto done = read_records(
          "SELECT rkey, cid FROM records WHERE repo_id = ? AND collection_id = ? AND rkey >= ? AND rkey <= "
          "9223372036854775807 ORDER BY rkey LIMIT ?",
          tids, id, **number, *first, max);
      if (!done) return std::unexpected(done.error());
    }
    // Any text is greater than any number; the empty one is less than any key.
    std::vector<Record> others;
    auto done = read_records(
        "SELECT rkey, cid FROM records WHERE repo_id = ? AND collection_id = ? AND rkey > ? ORDER BY rkey LIMIT ?",
        others, id, **number, std::string_view(after), max);
    if (!done) return std::unexpected(done.error());

    std::vector<Record> out;
    out.reserve(tids.size() + others.size());
    std::ranges::merge(std::make_move_iterator(tids.begin()), std::make_move_iterator(tids.end()),
                       std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()),
                       std::back_inserter(out), {}, &Record::rkey, &Record::rkey);
    if (out.size() > max) out.resize(max);
    return out;
  }

  Result<std::vector<BufferedCommit>> buffered(RepoId id, std::int64_t after, std::size_t max) override {
    std::vector<BufferedCommit> out;
    std::size_t bytes = 0;
    auto done = database_.each(
        "SELECT id, rev, body FROM resync_buffer WHERE repo_id = ? AND id > ? ORDER BY id LIMIT ?",
        [&](const Row& row) {
          const ByteView body = row.blob(2);
          out.push_back({row.integer(0), from_ordered(row.integer(1)), Bytes(body.begin(), body.end())});
          bytes += body.size();
          return bytes < kPageBytes;
        },
        id, after, max);
    if (!done) return std::unexpected(done.error());
    return out;
  }

  Result<std::uint64_t> buffered_count() override {
    auto count = database_.value("SELECT count(*) FROM resync_buffer");
    if (!count) return std::unexpected(count.error());
    return static_cast<std::uint64_t>(count->value_or(0));
  }

  Result<std::string> cursor(const std::string& kind, const std::string& key) override {
    std::string value;
    auto done = database_.each(
        "SELECT value FROM cursors WHERE kind = ? AND key = ?", [&](const Row& row) { value = row.text(0); },
        std::string_view(kind), std::string_view(key));
    if (!done) return std::unexpected(done.error());
    return value;
  }

  Result<std::vector<outbox::Event>> events(outbox::EventId after, std::size_t max) override {
    std::vector<outbox::Event> out;
    if (max == 0) return out;
    // The row that `after` lies in may have more behind it. Rows without any event left are not opened.
    auto first = database_.value("SELECT max(id) FROM journal WHERE id <= ?", after);
    if (!first) return std::unexpected(first.error());
    std::size_t bytes = 0;
    auto done = database_.each(
        "SELECT j.id, j.count, a.marks, j.events FROM journal j LEFT JOIN journal_acks a ON a.id = j.id "
        "WHERE j.id >= ? AND j.count > coalesce(a.acked, 0) ORDER BY j.id",
        [&](const Row& row) -> Result<bool> {
          auto read = take_events(journal_row(row), {.first = store::after(after), .max = max}, out, bytes);
          if (!read) return std::unexpected(read.error());
          return out.size() < max && bytes < kPageBytes;
        },
        first->value_or(0));
    if (!done) return std::unexpected(done.error());
    return out;
  }

  Result<outbox::LanePage> lane_events(outbox::LaneKey lane, outbox::EventId first, outbox::EventId last,
                                       std::size_t max) override {
    outbox::LanePage page{.events = {}, .next = after(last)};
    auto begin = database_.value("SELECT max(id) FROM journal WHERE id <= ?", first);
    if (!begin) return std::unexpected(begin.error());
    std::size_t bytes = 0;
    std::size_t looked_at = 0;
    auto done = database_.each(
        "SELECT j.id, j.count, a.marks, j.events FROM journal j LEFT JOIN journal_acks a ON a.id = j.id "
        "WHERE j.id >= ? AND j.id <= ? AND j.count > coalesce(a.acked, 0) ORDER BY j.id",
        [&](const Row& row) -> Result<bool> {
          if (page.events.size() >= max || bytes >= kPageBytes || looked_at >= kMostLookedAt) {
            page.next = std::min(page.next, outbox::EventId{row.number(0)});
            return false;
          }
          looked_at += row.blob(3).size();
          auto read = take_events(journal_row(row), {first, last, lane, max}, page.events, bytes);
          if (!read) return std::unexpected(read.error());
          if (*read) page.next = after(page.events.back().id);
          return !*read;
        },
        begin->value_or(0), last);
    if (!done) return std::unexpected(done.error());
    return page;
  }

  Result<std::vector<outbox::DeadLetter>> dead_letters(const std::string& did, outbox::EventId after,
                                                       std::size_t max) override {
    if (did.empty()) {
      return read_letters(
          "SELECT id, lane, barrier, did, attempts, since, reason, body FROM dead_letters WHERE id > ? ORDER BY id "
          "LIMIT ?",
          after, max);
    }
    return read_letters(
        "SELECT id, lane, barrier, did, attempts, since, reason, body FROM dead_letters WHERE did = ? AND id > ? "
        "ORDER BY id LIMIT ?",
        std::string_view(did), after, max);
  }

 private:
  template <class... Args>
  Result<std::vector<outbox::DeadLetter>> read_letters(Sql sql, const Args&... args) {
    std::vector<outbox::DeadLetter> out;
    std::size_t bytes = 0;
    auto done = database_.each(
        sql,
        [&](const Row& row) {
          out.push_back(read_letter(row));
          bytes += out.back().event.body.size();
          return bytes < kPageBytes;
        },
        args...);
    if (!done) return std::unexpected(done.error());
    return out;
  }

  template <class Key>
  Result<void> read_records(Sql sql, std::vector<Record>& out, RepoId id, std::int64_t collection, Key key,
                            std::size_t max) {
    return database_.each(
        sql,
        [&](const Row& row) -> Result<void> {
          auto cid = StoredCid::read(row.blob(1));
          if (!cid) return std::unexpected(cid.error());
          out.push_back({row.is_integer(0) ? atproto::Tid(row.number(0)).str() : std::string(row.text(0)), *cid});
          return {};
        },
        id, collection, key, max);
  }

  Database database_;
};

}  // namespace

std::unique_ptr<Queries> make_queries(Database database) {
  return std::make_unique<SqliteQueries>(std::move(database));
}

}  // namespace tap::store::sqlite
