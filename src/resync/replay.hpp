// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/keys.hpp"
#include "tap/base/clock.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/store/types.hpp"
#include "tap/verify/decide.hpp"
#include "tap/verify/filter.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace tap::resync {

/// Joins the live events that came during a fetch to what was fetched, in their order (protocol 8.1; 8.4 items 20, 37,
/// 39). What the snapshot contains already is passed over, the rest must be verified and chain. The first that does
/// not ends it: what follows cannot be believed either. Pure; one thread at a time.
///
/// JSON may be six times as long as what was kept, so what was kept is told in several writes where it is much.
class Replay {
 public:
  /// Of the events of one write, give or take those of the last commit.
  static constexpr std::size_t kWriteBytes = std::size_t{4} << 20;

  /// `filter` outlives it.
  Replay(repos::RepoId id, atproto::Did did, atproto::PublicKey key, const verify::Filter& filter, repos::Head snapshot,
         WallTime now);

  /// Joins as many as there is room for in one write, and gives back the others, to be taken behind move_to(). Nothing
  /// is left of those behind a break.
  [[nodiscard]] std::span<const store::BufferedCommit> take(std::span<const store::BufferedCommit> buffered);
  /// Appends what was joined since the last time, record changes and live events, in order.
  void move_to(store::Write& write);

  /// The snapshot's, advanced by what was joined.
  [[nodiscard]] const repos::Head& head() const { return head_; }
  /// Why it ended early.
  [[nodiscard]] const std::optional<Error>& broken() const { return broken_; }

 private:
  void take_one(const store::BufferedCommit& event);
  void take_commit(ByteView body);
  void take_sync(ByteView body);
  void break_off(Error why) { broken_ = std::move(why); }
  /// True when the event is to be applied.
  [[nodiscard]] bool accept(const verify::Outcome& outcome);
  [[nodiscard]] repos::Repo repo() const { return {.state = repos::State::active, .head = head_}; }

  repos::RepoId id_;
  atproto::Did did_;
  atproto::PublicKey key_;
  const verify::Filter& filter_;
  repos::Head head_;
  WallTime now_;
  std::vector<store::RecordChange> changes_;
  std::vector<outbox::Draft> events_;
  std::size_t bytes_ = 0;  // of events_
  std::optional<Error> broken_;
};

}  // namespace tap::resync
