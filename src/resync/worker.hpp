// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task_group.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/resync/resyncer.hpp"

#include "resync/claim.hpp"
#include "resync/fetch.hpp"
#include "resync/replay.hpp"

#include <chrono>
#include <optional>

namespace tap::resync {

/// From a fetched repo to an active one: believe it, write what differs, join the live stream. Loop thread only.
class Worker {
 public:
  /// What is given outlives the worker and `group`, in which its writes run.
  Worker(const ResyncParts& parts, const verify::Filter& filter, const ResyncOptions& options, async::TaskGroup& group);

  struct Settled {
    repos::Head head;
    std::uint64_t changes = 0;
    /// Set when live commits did not fit behind the snapshot, or newer ones were seen: the repo is desynchronized, to
    /// be fetched again then.
    std::optional<std::chrono::milliseconds> again{};
  };
  /// The commit under which the tree stands, and the key that signed it.
  struct Signed {
    atproto::Commit commit;
    atproto::PublicKey key;
  };
  /// The first of all checks: nothing that a stranger made is walked (8.4 item 1). It may have to ask for the document
  /// anew, which takes the time of a stranger's host: not for whoever holds a place that others wait for.
  [[nodiscard]] Task<Result<Signed>> check_signature(const Claim& claim, const Fetched& fetched,
                                                     identity::IdentityPtr identity);
  /// Nothing is written unless the whole snapshot is good. After an error the repo is as before, but for batches
  /// written until then: its index and its consumers are ahead of its head in step, and the next attempt goes on from
  /// there, for it believes the index and nothing that the head says of it. Errors: whatever is wrong with the
  /// snapshot, the store's, or removed.
  [[nodiscard]] Task<Result<Settled>> settle(Claim& claim, Fetched fetched, Signed signed_commit);

 private:
  /// Counts the wanted records of a complete tree.
  [[nodiscard]] Task<Result<std::uint64_t>> check_tree(const Claim& claim, Fetched& fetched, atproto::Cid root);
  struct Merged {
    std::uint64_t changes = 0;
    store::Write last;  ///< the last batch, or all of a small repo: it goes into the transaction that makes it active
  };
  /// Writes what differs from the index, but for the last batch.
  [[nodiscard]] Task<Result<Merged>> merge(Claim& claim, Fetched& fetched, const atproto::Commit& commit);
  /// `write` goes before what the live commits ask for. Where they are many there are writes before the last one: like
  /// batches of the merge they leave index and consumers ahead of the head, in step, should the end not come.
  [[nodiscard]] Task<Result<Settled>> join_live(Claim& claim, repos::Head snapshot, atproto::PublicKey key,
                                                store::Write write);
  /// Why the repo is to be fetched again, snapshot and live commits being what they are; nothing when it is good.
  [[nodiscard]] Task<Result<std::optional<Error>>> doubt(const Claim& claim, Replay& replay, store::Write& write);
  /// Reads what was buffered into `replay`, and writes it behind `write` while it is more than one write; the rest of
  /// both is to be written. Says what was in the way of all of it.
  [[nodiscard]] Task<Result<std::optional<Error>>> replay_buffered(const Claim& claim, Replay& replay,
                                                                   store::Write& write);

  const ResyncParts& parts_;
  const verify::Filter& filter_;
  const ResyncOptions& options_;
  async::TaskGroup& group_;
  metrics::Counter& unreadable_;
  metrics::Counter& odd_keys_;
  metrics::Counter& rejoined_;
  metrics::Counter& behind_;
};

}  // namespace tap::resync
