// SPDX-License-Identifier: MIT
#include "store/sqlite/journal_table.hpp"

#include "store/journal_row.hpp"

#include <algorithm>

namespace tap::store::sqlite {
namespace {

/// Deleting a row walks all its pages: so much at once takes some milliseconds.
constexpr std::size_t kSweepBytes = std::size_t{2} << 20;
constexpr std::size_t kSweepRows = 1'000;
/// Of thin(): a row is a megabyte at most.
constexpr std::size_t kThinRows = 8;

}  // namespace

Result<Counters> JournalTable::read_counters() {
  Counters counters;
  auto done = database_.each("SELECT key, value FROM meta", [&](const Row& row) {
    if (row.text(0) == "next_event") counters.next_event = outbox::EventId{row.number(1)};
    if (row.text(0) == "folded") counters.folded = outbox::EventId{row.number(1)};
    if (row.text(0) == "last_repo") counters.last_repo = RepoId{row.number(1)};
  });
  if (!done) return std::unexpected(done.error());
  return counters;
}

Result<void> JournalTable::save_counters(const Counters& before, const Counters& now) {
  constexpr Sql kSave = "UPDATE meta SET value = ? WHERE key = ?";
  Result<void> done;
  if (before.next_event != now.next_event) done = database_.run(kSave, now.next_event, std::string_view("next_event"));
  if (done && before.folded != now.folded) done = database_.run(kSave, now.folded, std::string_view("folded"));
  if (done && before.last_repo != now.last_repo) {
    done = database_.run(kSave, now.last_repo, std::string_view("last_repo"));
  }
  return done;
}

Result<outbox::EventId> JournalTable::append(JournalWriter& journal, Counters& counters) {
  const outbox::EventId first = counters.next_event;
  // Rows with events come first: their ids are consecutive.
  for (const JournalWriter::Events& events : journal.take_events()) {
    if (auto done = insert(events.count, {}, events.body, counters); !done) return std::unexpected(done.error());
  }
  if (auto done = append_changes(journal, counters); !done) return std::unexpected(done.error());
  return first;
}

Result<void> JournalTable::append_changes(JournalWriter& journal, Counters& counters) {
  for (const std::string& changes : journal.take_changes()) {
    if (auto done = insert(0, changes, {}, counters); !done) return done;
  }
  return {};
}

Result<void> JournalTable::insert(std::size_t count, std::string_view changes, std::string_view events,
                                  Counters& counters) {
  auto done = database_.run("INSERT INTO journal (id, count, changes, events) VALUES (?, ?, ?, ?)", counters.next_event,
                            count, as_bytes(changes), as_bytes(events));
  if (done) counters.next_event = after(counters.next_event, std::max<std::size_t>(count, 1));
  return done;
}

Result<void> JournalTable::acknowledge(std::span<const outbox::EventId> ids, const Counters& counters) {
  std::vector<outbox::EventId> sorted(ids.begin(), ids.end());
  std::ranges::sort(sorted);
  for (std::span<const outbox::EventId> rest = sorted; !rest.empty();) {
    auto dealt_with = acknowledge_row(rest, counters);
    if (!dealt_with) return std::unexpected(dealt_with.error());
    rest = rest.subspan(*dealt_with);
  }
  return {};
}

Result<std::size_t> JournalTable::acknowledge_row(std::span<const outbox::EventId> ids, const Counters& counters) {
  struct {
    outbox::EventId first{};
    std::uint64_t count = 0, acked = 0;
    Marks marks;
    bool has_changes = false;
  } row;
  auto done = database_.each(
      "SELECT j.id, j.count, coalesce(a.acked, 0), a.marks, length(j.changes) FROM journal j LEFT JOIN journal_acks a "
      "ON a.id = j.id "
      "WHERE j.id <= ? ORDER BY j.id DESC LIMIT 1",
      [&](const Row& found) {
        row = {outbox::EventId{found.number(0)}, found.number(1), found.number(2), Marks(found.blob(3)),
               found.integer(4) != 0};
      },
      ids.front());
  if (!done) return std::unexpected(done.error());

  std::size_t in_row = 0;
  const std::uint64_t before = row.acked;
  for (; in_row < ids.size() && ids[in_row] < after(row.first, row.count); ++in_row) {
    if (row.marks.set(static_cast<std::uint64_t>(ids[in_row]) - static_cast<std::uint64_t>(row.first))) ++row.acked;
  }
  if (row.acked == before) return std::max<std::size_t>(in_row, 1);

  if (row.acked == row.count && (!row.has_changes || row.first < counters.folded)) {
    done = remove(row.first);
  } else {
    done = database_.run("INSERT OR REPLACE INTO journal_acks (id, acked, marks) VALUES (?, ?, ?)", row.first,
                         row.acked, row.marks.bytes());
  }
  if (!done) return std::unexpected(done.error());
  return in_row;
}

Result<void> JournalTable::remove(outbox::EventId row) {
  auto done = database_.run("DELETE FROM journal WHERE id = ?", row);
  if (done) done = database_.run("DELETE FROM journal_acks WHERE id = ?", row);
  return done;
}

Result<bool> JournalTable::sweep(const Counters& counters) {
  if (swept_ >= counters.folded) return false;
  std::vector<outbox::EventId> rows;
  outbox::EventId next = counters.folded;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  auto done = database_.each(
      "SELECT j.id, j.count = coalesce(a.acked, 0), length(j.changes) + length(j.events) FROM journal j "
      "LEFT JOIN journal_acks a ON a.id = j.id WHERE j.id >= ? AND j.id < ? ORDER BY j.id",
      [&](const Row& row) {
        if (looked_at++ == kSweepRows || bytes >= kSweepBytes) {
          next = outbox::EventId{row.number(0)};
          return false;
        }
        if (row.integer(1) != 0) {
          rows.push_back(outbox::EventId{row.number(0)});
          bytes += row.number(2);
        }
        return true;
      },
      swept_, counters.folded);
  if (!done) return std::unexpected(done.error());
  if (!rows.empty()) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    for (const outbox::EventId row : rows) {
      if (done = remove(row); !done) return std::unexpected(done.error());
    }
    if (done = transaction->commit(); !done) return std::unexpected(done.error());
  }
  swept_ = next;
  return swept_ < counters.folded;
}

Result<bool> JournalTable::thin(const Counters& counters) {
  std::vector<outbox::EventId> rows;
  auto done = database_.each(
      "SELECT j.id FROM journal_acks a JOIN journal j ON j.id = a.id WHERE a.id < ? AND a.acked < j.count "
      "AND a.acked * 4 >= j.count * 3 AND length(j.events) >= 1024 ORDER BY a.id LIMIT ?",
      [&](const Row& row) { rows.push_back(outbox::EventId{row.number(0)}); }, thin_before_, kThinRows);
  if (!done) return std::unexpected(done.error());
  const bool may_have_more = rows.size() == kThinRows;
  if (!may_have_more) thin_before_ = counters.folded;
  if (rows.empty()) return false;

  auto transaction = Transaction::begin(database_);
  if (!transaction) return std::unexpected(transaction.error());
  for (const outbox::EventId row : rows) {
    if (done = thin_row(row); !done) return std::unexpected(done.error());
  }
  if (done = transaction->commit(); !done) return std::unexpected(done.error());
  return may_have_more;
}

Result<void> JournalTable::thin_row(outbox::EventId row) {
  std::vector<JournalRun> runs;
  auto done = database_.each(
      "SELECT j.count, a.marks, j.events FROM journal j JOIN journal_acks a ON a.id = j.id WHERE j.id = ?",
      [&](const Row& found) -> Result<void> {
        auto rest = unmarked_runs({row, found.number(0), Marks(found.blob(1)), found.blob(2)});
        if (!rest) return std::unexpected(rest.error());
        runs = std::move(*rest);
        return {};
      },
      row);
  if (done) done = remove(row);
  for (const JournalRun& run : runs) {
    if (!done) break;
    done = database_.run("INSERT INTO journal (id, count, changes, events) VALUES (?, ?, ?, ?)", run.first,
                         run.events.count, ByteView(), as_bytes(run.events.body));
  }
  return done;
}

Result<void> JournalTable::each_change(outbox::EventId from, const Engine::ChangeVisitor& visit) {
  std::vector<AdvanceHead> changes;
  return database_.each(
      "SELECT id, changes FROM journal WHERE id >= ? ORDER BY id",
      [&](const Row& row) -> Result<bool> {
        changes.clear();
        if (auto read = read_changes(row.blob(1), changes); !read) return std::unexpected(read.error());
        return visit(outbox::EventId{row.number(0)}, changes);
      },
      from);
}

Result<std::uint64_t> JournalTable::undelivered() {
  auto count = database_.value(
      "SELECT (SELECT coalesce(sum(count), 0) FROM journal) - (SELECT coalesce(sum(acked), 0) FROM journal_acks)");
  if (!count) return std::unexpected(count.error());
  return static_cast<std::uint64_t>(count->value_or(0));
}

}  // namespace tap::store::sqlite
