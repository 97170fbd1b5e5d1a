// SPDX-License-Identifier: MIT
#pragma once

#include "store/journal.hpp"

#include <limits>
#include <optional>
#include <vector>

namespace tap::store {

/// A page of events ends behind this many bytes of bodies, and one of buffered commits likewise.
constexpr std::size_t kPageBytes = std::size_t{8} << 20;
/// So much of the journal is walked for one lane at a time.
constexpr std::size_t kMostLookedAt = std::size_t{32} << 20;

/// A row of events as it is read.
struct JournalRow {
  outbox::EventId first{};
  std::uint64_t count = 0;
  Marks marks;
  ByteView events;
};

struct Wanted {
  outbox::EventId first;
  outbox::EventId last{std::numeric_limits<std::uint64_t>::max()};
  std::optional<outbox::LaneKey> lane = {};
  std::size_t max;  ///< of the page
};
/// Appends those of the row's events that are wanted and not marked, and their size to `bytes`; true when the page is
/// full within the row.
[[nodiscard]] Result<bool> take_events(const JournalRow& row, const Wanted& wanted, std::vector<outbox::Event>& page,
                                       std::size_t& bytes);

/// Events that follow each other, for a row of their own.
struct JournalRun {
  outbox::EventId first{};
  JournalWriter::Events events;
};
/// What a row holds that is not marked, in order.
[[nodiscard]] Result<std::vector<JournalRun>> unmarked_runs(const JournalRow& row);

}  // namespace tap::store
