// SPDX-License-Identifier: MIT
#include "store/postgres/journal_table.hpp"

#include "store/journal_row.hpp"

#include <algorithm>

namespace tap::store::postgres {
namespace {

constexpr std::size_t kThinRows = 8;
/// Of the changes read at once.
constexpr std::int64_t kChangePageBytes = std::int64_t{8} << 20;
constexpr std::int64_t kChangePageRows = 1'000;

std::int64_t as_column(outbox::EventId id) { return static_cast<std::int64_t>(id); }

void insert_events(Connection& to, outbox::EventId first, const JournalWriter::Events& events) {
  to.queue("INSERT INTO journal (id, count, events) VALUES ($1, $2, $3)", first, events.count, as_bytes(events.body));
}

void remove(Connection& to, const std::vector<std::int64_t>& rows) {
  if (rows.empty()) return;
  to.queue("DELETE FROM journal WHERE id = ANY($1)", rows);
  to.queue("DELETE FROM journal_acks WHERE id = ANY($1)", rows);
}

struct AckedRow {
  outbox::EventId first{};
  std::uint64_t count = 0, acked = 0;
  Marks marks;
  std::uint64_t bytes = 0;
  /// Acks those of the sorted `ids` that lie in it; true when one was not acked before.
  bool acknowledge(std::span<const outbox::EventId> ids) {
    const std::uint64_t before = acked;
    for (auto id = std::ranges::lower_bound(ids, first); id != ids.end() && *id < after(first, count); ++id) {
      if (marks.set(static_cast<std::uint64_t>(*id) - static_cast<std::uint64_t>(first))) ++acked;
    }
    return acked != before;
  }
};

/// Sorted ids as a few ranges of the journal: to look up the row of each would cost more than all else.
struct Stretches {
  explicit Stretches(std::span<const outbox::EventId> sorted) {
    constexpr std::int64_t kGap = 64;  // so many ids without an ack cost less than another look-up
    for (const outbox::EventId id : sorted) {
      if (last.empty() || as_column(id) - last.back() > kGap) {
        first.push_back(as_column(id));
        last.push_back(as_column(id));
      }
      last.back() = as_column(id);
    }
  }
  std::vector<std::int64_t> first, last;
};

}  // namespace

Result<outbox::EventId> JournalTable::append(Connection& to, JournalWriter& journal, Counters& counters) {
  const outbox::EventId first = counters.next_event;
  // Rows with events come first: their ids are consecutive.
  for (const JournalWriter::Events& events : journal.take_events()) {
    insert_events(to, counters.next_event, events);
    counters.next_event = after(counters.next_event, events.count);
  }
  append_changes(to, journal, counters);
  return first;
}

void JournalTable::append_changes(Connection& to, JournalWriter& journal, Counters& counters) {
  for (const std::string& changes : journal.take_changes()) {
    to.queue("INSERT INTO journal_changes (id, changes) VALUES ($1, $2)", counters.next_event, as_bytes(changes));
    counters.next_event = after(counters.next_event);
  }
}

Result<void> JournalTable::acknowledge(Connection& to, std::span<const outbox::EventId> ids) {
  if (ids.empty()) return {};
  std::vector<outbox::EventId> sorted(ids.begin(), ids.end());
  std::ranges::sort(sorted);
  const Stretches wanted(sorted);
  std::vector<AckedRow> rows;
  outbox::EventId last{};
  auto done = to.each(
      "SELECT j.id, j.count, coalesce(a.acked, 0), coalesce(a.marks, ''), j.bytes FROM unnest($1::bigint[], "
      "$2::bigint[]) AS w (first, last) CROSS JOIN LATERAL (SELECT id, count, octet_length(events) AS bytes FROM "
      "journal WHERE id >= coalesce((SELECT max(id) FROM journal WHERE id <= w.first), w.first) AND id <= w.last) AS j "
      "LEFT JOIN journal_acks a ON a.id = j.id ORDER BY j.id",
      [&](const Row& row) {
        AckedRow found{outbox::EventId{row.number(0)}, row.number(1), row.number(2), Marks(row.blob(3)), row.number(4)};
        if (found.first == std::exchange(last, found.first)) return;  // two stretches meet in it
        if (found.acknowledge(sorted)) rows.push_back(std::move(found));
      },
      wanted.first, wanted.last);
  if (!done) return done;

  std::vector<std::int64_t> gone;
  std::vector<std::int64_t> kept;
  std::vector<std::int64_t> acked;
  std::vector<ByteView> marks;
  for (const AckedRow& row : rows) {
    if (row.acked == row.count) {
      gone.push_back(as_column(row.first));
      freed_ += row.bytes;
    } else {
      kept.push_back(as_column(row.first));
      acked.push_back(static_cast<std::int64_t>(row.acked));
      marks.push_back(row.marks.bytes());
    }
  }
  remove(to, gone);
  if (!kept.empty()) {
    to.queue(
        "INSERT INTO journal_acks (id, acked, marks) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) ON "
        "CONFLICT (id) DO UPDATE SET "
        "acked = excluded.acked, marks = excluded.marks",
        kept, acked, marks);
  }
  return {};
}

Result<void> JournalTable::each_change(Connection& from, outbox::EventId row, const Engine::ChangeVisitor& visit) {
  std::vector<AdvanceHead> changes;
  bool go_on = true;
  while (go_on) {
    const outbox::EventId begin = row;
    auto done = from.each(
        "SELECT id, changes FROM (SELECT id, changes, sum(octet_length(changes)) OVER (ORDER BY id) - "
        "octet_length(changes) AS before FROM (SELECT id, changes FROM journal_changes WHERE id >= $1 ORDER BY id "
        "LIMIT $2) AS next) AS page WHERE before < $3 ORDER BY id",
        [&](const Row& found) -> Result<void> {
          if (!go_on) return {};
          changes.clear();
          if (auto read = read_changes(found.blob(1), changes); !read) return read;
          row = after(outbox::EventId{found.number(0)});
          go_on = visit(outbox::EventId{found.number(0)}, changes);
          return {};
        },
        begin, kChangePageRows, kChangePageBytes);
    if (!done) return done;
    if (row == begin) return {};
  }
  return {};
}

Result<std::uint64_t> JournalTable::undelivered(Connection& from) {
  auto count = from.value(
      "SELECT ((SELECT coalesce(sum(count), 0) FROM journal) - (SELECT coalesce(sum(acked), 0) FROM "
      "journal_acks))::bigint");
  if (!count) return std::unexpected(count.error());
  return static_cast<std::uint64_t>(count->value_or(0));
}

Result<std::vector<outbox::EventId>> JournalTable::find_thin(Connection& from, const Counters& counters) {
  std::vector<outbox::EventId> rows;
  auto done = from.each(
      "SELECT j.id FROM journal_acks a JOIN journal j ON j.id = a.id WHERE a.id < $1 AND a.acked < j.count AND a.acked "
      "* 4 >= j.count * 3 AND octet_length(j.events) >= 1024 ORDER BY a.id LIMIT $2",
      [&](const Row& row) { rows.push_back(outbox::EventId{row.number(0)}); }, thin_before_, kThinRows);
  if (!done) return std::unexpected(done.error());
  if (!may_be_more(rows.size())) thin_before_ = counters.folded;
  return rows;
}

bool JournalTable::may_be_more(std::size_t found) { return found == kThinRows; }

Result<void> JournalTable::thin(Connection& to, std::span<const outbox::EventId> rows) {
  std::vector<std::int64_t> ids;
  for (const outbox::EventId row : rows) ids.push_back(as_column(row));
  std::vector<JournalRun> runs;
  auto done = to.each(
      "SELECT j.id, j.count, a.marks, j.events FROM journal j JOIN journal_acks a ON a.id = j.id WHERE j.id = ANY($1)",
      [&](const Row& row) -> Result<void> {
        auto rest = unmarked_runs({outbox::EventId{row.number(0)}, row.number(1), Marks(row.blob(2)), row.blob(3)});
        if (!rest) return std::unexpected(rest.error());
        std::ranges::move(*rest, std::back_inserter(runs));
        return {};
      },
      ids);
  if (!done) return done;
  remove(to, ids);
  for (const JournalRun& run : runs) insert_events(to, run.first, run.events);
  return {};
}

}  // namespace tap::store::postgres
