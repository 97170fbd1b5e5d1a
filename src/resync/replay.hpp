// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/keys.hpp"
#include "tap/base/clock.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/store/types.hpp"
#include "tap/verify/decide.hpp"
#include "tap/verify/filter.hpp"

#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace tap::resync {

/// Joins the live events that came during a fetch to what was fetched, in their order (protocol 8.1; 8.4 items 20, 37,
/// 39). What the snapshot contains already is passed over, the rest must be verified and chain. The first that does
/// not ends it: what follows cannot be believed either. Pure; one thread at a time.
class Replay {
 public:
  /// `filter` outlives it.
  Replay(repos::RepoId id, atproto::Did did, atproto::PublicKey key, const verify::Filter& filter, repos::Head snapshot,
         WallTime now);

  void take(std::span<const store::BufferedCommit> buffered);

  /// The snapshot's, advanced by what was joined.
  [[nodiscard]] const repos::Head& head() const { return head_; }
  /// Why it ended early.
  [[nodiscard]] const std::optional<Error>& broken() const { return broken_; }
  std::vector<store::RecordChange> changes;  ///< of the joined commits, in order
  std::vector<outbox::Draft> events;         ///< live ones

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
  std::optional<Error> broken_;
};

}  // namespace tap::resync
