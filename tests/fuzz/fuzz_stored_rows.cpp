// SPDX-License-Identifier: MIT
// What stands in the database: what is understood is what the writers would write, in no more bytes; what is not gives
// an error, and nothing grows beyond its bytes.
#include "tap/ledger/buffered.hpp"

#include "fuzz/fuzz.hpp"
#include "store/journal_row.hpp"
#include "store/sqlite/rkey.hpp"
#include "store/stored.hpp"

using namespace tap;

namespace {

void check_changes(ByteView body) {
  std::vector<store::AdvanceHead> changes;
  const auto read = store::read_changes(body, changes);
  std::size_t records = changes.size();
  for (const store::AdvanceHead& change : changes) records += change.changes.size();
  fuzz::require(records <= body.size() + 2);
  if (!read || changes.empty()) return;

  store::JournalWriter writer;
  for (const store::AdvanceHead& change : changes) writer.add(change);
  const auto rows = writer.take_changes();
  fuzz::require(rows.size() == 1 && rows[0].size() <= body.size() + store::StoredCid(atproto::Cid()).bytes().size());
  std::vector<store::AdvanceHead> again;
  fuzz::require(store::read_changes(as_bytes(rows[0]), again).has_value() && again.size() == changes.size());
  for (const store::AdvanceHead& change : again) writer.add(change);
  fuzz::require(writer.take_changes() == rows);
}

/// The events that are left, in the two ways to ask for them.
void check_events(const store::JournalRow& row) {
  std::vector<outbox::Event> page;
  std::size_t bytes = 0;
  const auto full = store::take_events(row, {.first = {}, .max = row.events.size() + 1}, page, bytes);
  const auto runs = store::unmarked_runs(row);
  fuzz::require(full.has_value() == runs.has_value());
  fuzz::require(page.size() <= row.events.size() && bytes <= row.events.size());
  if (!runs) return;
  fuzz::require(!*full);
  auto expected = page.begin();
  for (const store::JournalRun& run : *runs) {
    auto id = static_cast<std::uint64_t>(run.first);
    store::EventReader reader(as_bytes(run.events.body));
    for (std::size_t i = 0; i < run.events.count; ++i, ++id, ++expected) {
      const auto item = reader.next().value().value();
      fuzz::require(expected != page.end() && expected->id == outbox::EventId{id} && expected->lane == item.lane);
      fuzz::require(expected->order == item.order && expected->body == item.body);
    }
    fuzz::require(!reader.next().value());
  }
  fuzz::require(expected == page.end());
}

/// The first number after a text, in the order of the texts.
void check_rkey(std::string_view text) {
  if (const auto number = store::sqlite::rkey_number(text)) {
    fuzz::require(atproto::Tid(static_cast<std::uint64_t>(*number)).str() == text);
  }
  const auto next = store::sqlite::first_number_after(text);
  if (!next) return;
  fuzz::require(*next >= 0 && atproto::Tid(static_cast<std::uint64_t>(*next)).str() > text);
  if (*next > 0) fuzz::require(atproto::Tid(static_cast<std::uint64_t>(*next - 1)).str() <= text);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::uint8_t count = input.byte();
  const std::uint8_t marks = input.byte();
  const ByteView bytes = input.rest();
  check_changes(bytes);
  check_events({.first = outbox::EventId{1'000}, .count = count, .marks = store::Marks({&marks, 1}), .events = bytes});
  check_rkey(as_text(bytes));
  if (const auto cid = store::StoredCid::read(bytes)) {
    fuzz::require(as_text(store::StoredCid(*cid).bytes()) == as_text(bytes));
  }
  if (const auto kept = ledger::unpack_buffered(bytes)) {
    fuzz::require(ledger::pack_buffered(kept->kind, kept->body) == Bytes(bytes.begin(), bytes.end()));
  }
  return 0;
}
