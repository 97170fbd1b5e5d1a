// SPDX-License-Identifier: MIT
#include "store/sqlite/dead_letter_table.hpp"

namespace tap::store::sqlite {

Result<std::uint64_t> DeadLetterTable::add(const outbox::DeadLetter& letter) {
  auto done = database_.run(
      "INSERT OR IGNORE INTO dead_letters (id, lane, barrier, did, attempts, since, reason, body) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      letter.event.id, letter.event.lane, letter.event.order == outbox::Order::barrier, std::string_view(letter.did),
      letter.attempts, letter.since, std::string_view(letter.reason), std::string_view(letter.event.body));
  if (!done) return std::unexpected(done.error());
  return static_cast<std::uint64_t>(database_.changes());
}

Result<std::uint64_t> DeadLetterTable::drop(std::span<const outbox::EventId> ids) {
  std::uint64_t dropped = 0;
  for (const outbox::EventId id : ids) {
    auto done = database_.run("DELETE FROM dead_letters WHERE id = ?", id);
    if (!done) return std::unexpected(done.error());
    dropped += static_cast<std::uint64_t>(database_.changes());
  }
  return dropped;
}

Result<std::uint64_t> DeadLetterTable::count() {
  auto count = database_.value("SELECT count(*) FROM dead_letters");
  if (!count) return std::unexpected(count.error());
  return static_cast<std::uint64_t>(count->value_or(0));
}

}  // namespace tap::store::sqlite
