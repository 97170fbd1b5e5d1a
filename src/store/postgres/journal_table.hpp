// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"
#include "store/postgres/connection.hpp"

namespace tap::store::postgres {

/// The tables journal, journal_changes and journal_acks. Rows of events and of changes share their ids, and go each
/// when they are done with. Writing happens inside the caller's transaction; what needs no answer is only queued.
class JournalTable {
 public:
  /// As Engine says.
  [[nodiscard]] static Result<outbox::EventId> append(Connection& to, JournalWriter& journal, Counters& counters);
  static void append_changes(Connection& to, JournalWriter& journal, Counters& counters);
  [[nodiscard]] Result<void> acknowledge(Connection& to, std::span<const outbox::EventId> ids);
  [[nodiscard]] static Result<void> each_change(Connection& from, outbox::EventId row,
                                                const Engine::ChangeVisitor& visit);
  [[nodiscard]] static Result<std::uint64_t> undelivered(Connection& from);

  /// Rows of which little is not acked, and that are worth writing anew without the rest: at most some. Not the newest:
  /// those are about to be acked. So an event that nobody takes does not keep its neighbours on disk.
  [[nodiscard]] Result<std::vector<outbox::EventId>> find_thin(Connection& from, const Counters& counters);
  [[nodiscard]] static Result<void> thin(Connection& to, std::span<const outbox::EventId> rows);
  /// Whether find_thin() may have more behind so many.
  [[nodiscard]] static bool may_be_more(std::size_t found);

  /// Bytes of events deleted since the last call.
  [[nodiscard]] std::uint64_t take_freed() { return std::exchange(freed_, 0); }

 private:
  outbox::EventId thin_before_{};  // rows before this one are old enough
  std::uint64_t freed_ = 0;
};

}  // namespace tap::store::postgres
