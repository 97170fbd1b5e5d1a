// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"
#include "store/sqlite/database.hpp"

#include <algorithm>
#include <functional>

namespace tap::store::sqlite {

/// The tables journal and journal_acks. A row's id is that of its first event; a row without events takes an id all the
/// same. All but sweep and the queries inside the caller's transaction.
class JournalTable {
 public:
  explicit JournalTable(Database& database) : database_(database) {}

  [[nodiscard]] Result<Counters> read_counters();
  [[nodiscard]] Result<void> save_counters(const Counters& before, const Counters& now);

  /// The id of the first event, or the next free one when there are none. Events and changes go into rows of their own:
  /// events are large and done with as soon as they are acked, changes are small and wait for the fold. So the pages of
  /// events are soon free and written anew while they are in the log only, and most never reach the database.
  [[nodiscard]] Result<outbox::EventId> append(JournalWriter& journal, Counters& counters);
  /// Only the changes, so that they can be folded; the events stay in `journal`.
  [[nodiscard]] Result<void> append_changes(JournalWriter& journal, Counters& counters);

  /// Marks events as done with; deletes the rows that thereby are, and hold no change to be folded. Unknown ids are
  /// harmless.
  [[nodiscard]] Result<void> acknowledge(std::span<const outbox::EventId> ids, const Counters& counters);
  /// From this row on there may be rows that are folded and done with, but still there.
  void sweep_from(outbox::EventId row) { swept_ = std::min(swept_, row); }
  /// Deletes some of those, in a transaction of its own; true when there may be more.
  [[nodiscard]] Result<bool> sweep(const Counters& counters);

  /// Writes some rows anew of which little is not acked, without the rest, in a transaction of its own; true when there
  /// may be more. Not the newest: those are about to be acked. So an event that nobody takes does not keep its
  /// neighbours on disk.
  [[nodiscard]] Result<bool> thin(const Counters& counters);

  /// Visits the changes of each row from this one on, until `visit` says no.
  [[nodiscard]] Result<void> each_change(outbox::EventId from, const Engine::ChangeVisitor& visit);
  [[nodiscard]] Result<std::uint64_t> undelivered();

 private:
  [[nodiscard]] Result<void> insert(std::size_t count, std::string_view changes, std::string_view events,
                                    Counters& counters);
  /// Acks those of `ids` that lie in the row of the first one; says how many it has dealt with.
  [[nodiscard]] Result<std::size_t> acknowledge_row(std::span<const outbox::EventId> ids, const Counters& counters);

  [[nodiscard]] Result<void> remove(outbox::EventId row);
  [[nodiscard]] Result<void> thin_row(outbox::EventId row);

  Database& database_;
  outbox::EventId swept_{};        // rows before this one have something left, or are not there
  outbox::EventId thin_before_{};  // rows before this one are old enough for thin()
};

}  // namespace tap::store::sqlite
