// SPDX-License-Identifier: MIT
#include "store/journal_row.hpp"

namespace tap::store {
namespace {

Result<EventReader::Item> next_of(EventReader& reader) {
  auto item = reader.next();
  if (!item) return std::unexpected(item.error());
  if (!*item) return fail(Errc::corrupt, "a journal row has fewer events than it says");
  return **item;
}

}  // namespace

Result<bool> take_events(const JournalRow& row, const Wanted& wanted, std::vector<outbox::Event>& page,
                         std::size_t& bytes) {
  EventReader reader(row.events);
  for (std::uint64_t at = 0; at < row.count; ++at) {
    auto item = next_of(reader);
    if (!item) return std::unexpected(item.error());
    const outbox::EventId id{static_cast<std::uint64_t>(row.first) + at};
    if (id < wanted.first || id > wanted.last || row.marks.has(at)) continue;
    if (wanted.lane && *wanted.lane != item->lane) continue;
    page.push_back({id, item->lane, item->order, std::string(item->body)});
    bytes += item->body.size();
    if (page.size() >= wanted.max || bytes >= kPageBytes) return true;
  }
  return false;
}

Result<std::vector<JournalRun>> unmarked_runs(const JournalRow& row) {
  std::vector<JournalRun> runs;
  JournalWriter run;
  const auto end_run = [&](std::uint64_t end) {
    std::vector<JournalWriter::Events> parts = run.take_events();
    std::uint64_t first = static_cast<std::uint64_t>(row.first) + end;
    for (const JournalWriter::Events& part : parts) first -= part.count;
    for (JournalWriter::Events& part : parts) {
      const outbox::EventId id{first};
      first += part.count;
      runs.push_back({id, std::move(part)});
    }
  };
  EventReader reader(row.events);
  for (std::uint64_t at = 0; at < row.count; ++at) {
    auto item = next_of(reader);
    if (!item) return std::unexpected(item.error());
    if (row.marks.has(at)) {
      end_run(at);
    } else {
      run.add(outbox::Draft{item->lane, item->order, std::string(item->body)});
    }
  }
  end_run(row.count);
  return runs;
}

}  // namespace tap::store
