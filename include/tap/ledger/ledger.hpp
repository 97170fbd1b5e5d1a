// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/async/turns.hpp"
#include "tap/base/metrics.hpp"
#include "tap/ledger/seen_revs.hpp"
#include "tap/repos/id_set.hpp"
#include "tap/repos/table.hpp"
#include "tap/store/writer.hpp"
#include "tap/verify/commit.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tap::ledger {

using repos::RepoId;

/// What is kept of one repo's live events while it is fetched.
struct BufferLimits {
  std::size_t events = 10'000;
  std::size_t bytes = std::size_t{64} << 20;
};

/// Keeps the repos in memory and in the database in step: each step writes, then changes the table, and emits the
/// events that tell of it. What belongs to one DID is done in its turn (turn_of): the firehose, the end of a resync,
/// and tracking never meet half way. Loop thread only. Errors are the store's and mean that nothing happened: the
/// caller may try again. A caller may be cancelled: the writer does not give up what it has accepted, so both stay in
/// step.
class Ledger {
 public:
  /// `removals`: of so many different repos since the start it is remembered that they were removed.
  Ledger(Executor loop, repos::Table& table, store::Writer& writer, store::Reader& reader, metrics::Registry& metrics,
         BufferLimits limits = {}, std::size_t removals = 1'000'000);

  /// Called when a repo wants a resync now (added, desynchronized, active again), whatever it waits for. Once, before
  /// anything else.
  void on_work(std::function<void(RepoId)> wake);

  /// A place in the DID's line. The steps below marked [turn] are for its holder.
  [[nodiscard]] async::Turns::Ticket turn_of(std::string_view did);

  /// Adds those not tracked yet, in one write; waits for their turns itself. Says how many were new.
  [[nodiscard]] Task<Result<std::size_t>> track(std::vector<atproto::Did> dids);
  /// Removes repos with records and buffered commits; work in flight for them comes to nothing. Waits for the turns
  /// itself. When the write fails, one that was being fetched comes back as desynchronized.
  [[nodiscard]] Task<Result<void>> untrack(std::vector<atproto::Did> dids);

  /// Events from before the start wait for consumers: of whatever repos, removed ones among them.
  void inherit_events();
  /// The repo may have been removed and added again while events of its earlier life are on their way: nothing that is
  /// told of it now may overtake them. True of every repo once more were removed than are remembered.
  [[nodiscard]] bool may_have_returned(std::string_view did) const;

  /// [turn] A verified live commit that chains: head, record index and events.
  [[nodiscard]] Task<Result<void>> advance(RepoId id, verify::VerifiedCommit commit);
  /// [turn] The same content under a newer rev (a #sync, an empty commit).
  [[nodiscard]] Task<Result<void>> touch(RepoId id, atproto::Tid rev);
  /// [turn] The repo is not what we hold: it will be fetched. `reason` stands in /info until then.
  [[nodiscard]] Task<Result<void>> desynchronize(RepoId id, std::string reason);
  /// Something is new about a repo (its identity, its account): if it failed to be fetched, it is worth another try.
  void encourage(RepoId id);
  /// A live event of a repo that may have failed: whoever writes to it is there, so its PDS may be well again. No
  /// reason where the last fetch was refused.
  void encourage_by_event(RepoId id);
  /// Why the last fetch of the repo failed: because its PDS or the directory said no, or in passing.
  void note_failure(RepoId id, bool refused);
  /// [turn] Account status; emits an identity event when it changes. `deleted` removes the repo. An account that is
  /// active again is fetched.
  [[nodiscard]] Task<Result<void>> set_account(RepoId id, repos::Account account);
  /// [turn] The handle may have changed: it is to be verified, if need be after a restart.
  [[nodiscard]] Task<Result<void>> expect_handle(RepoId id);
  /// [turn] The verified handle, which is no longer expected then; emits an identity event when it differs from the
  /// stored one.
  [[nodiscard]] Task<Result<void>> set_handle(RepoId id, std::string handle);
  /// [turn] Keeps an event of a repo that is being fetched. When there are too many, all of them are dropped, and those
  /// that follow: then the repo has to be fetched again.
  [[nodiscard]] Task<Result<void>> buffer(RepoId id, atproto::Tid rev, Bytes event);
  /// Whether the database may hold events that buffer() kept, or dropped the rest of, since reset_buffer(): knowledge
  /// of this process only.
  [[nodiscard]] bool has_buffered(RepoId id) const { return tallies_.contains(id); }
  /// Events were dropped since the fetch began.
  [[nodiscard]] bool buffer_overflowed(RepoId id) const;
  /// When what was kept has left the database, or counts no more.
  void reset_buffer(RepoId id) { tallies_.erase(id); }
  /// From now on it is known of whom a fetch has begun since; until ignore_fetches(). A bit a repo.
  void watch_fetches() { begun_fetches_.emplace(); }
  void ignore_fetches() { begun_fetches_.reset(); }
  /// [turn] A fetch begins.
  void note_fetch(RepoId id) {
    if (begun_fetches_) begun_fetches_->insert(id);
  }
  /// Whether a fetch has begun since watch_fetches(). Where the repo is active, it went well.
  [[nodiscard]] bool has_begun_fetch(RepoId id) const { return begun_fetches_ && begun_fetches_->contains(id); }
  /// [turn] Whether the database surely has no records of the repo: it was added since the start, and nobody has asked
  /// this of it before. Whoever is told so may write some.
  [[nodiscard]] bool take_blank(RepoId id);
  /// [turn] What the fetches of repos that are not active must bring at least.
  [[nodiscard]] SeenRevs& seen_revs() { return seen_revs_; }

 private:
  /// A repo that is out of the table, and not yet out of the database.
  struct Removed {
    RepoId id{};
    atproto::Did did;
    repos::Repo repo;
  };
  /// What was kept of a repo.
  struct Tally {
    std::size_t events = 0;
    std::size_t bytes = 0;
    bool overflowed = false;
  };
  /// Out of the table before the write: a resync that is writing sees it before its next batch, and the write comes
  /// after its last one.
  [[nodiscard]] Removed take_out(RepoId id);
  /// The write failed.
  void put_back(Removed removed);
  [[nodiscard]] Task<Result<void>> remove_deleted(RepoId id, std::string handle);

  class Removing;

  repos::Table& table_;
  store::Writer& writer_;
  store::Reader& reader_;
  async::Turns turns_;
  std::unordered_multiset<atproto::Did> removing_;  // those that untrack() is about to remove
  std::function<void(RepoId)> wake_;
  BufferLimits limits_;
  std::unordered_map<RepoId, Tally> tallies_;  // of repos that are being fetched, or were in vain
  repos::IdSet blank_;                         // added since the start, and no record was written
  repos::IdSet unnamed_;                       // likewise, and no handle
  repos::IdSet refused_;                       // since the start, at the last fetch
  std::optional<repos::IdSet> begun_fetches_;  // while they are watched
  SeenRevs seen_revs_;
  std::unordered_set<std::uint64_t> removed_lines_;  // since the start
  std::size_t most_removed_;
  bool inherited_events_ = false;
  metrics::Counter& overflows_;
};

/// The head after `commit`, and its record changes.
[[nodiscard]] store::AdvanceHead advance_of(RepoId id, const repos::Head& before, const verify::VerifiedCommit& commit);
/// Its events, in the order of its ops.
void append_events(std::vector<outbox::Draft>& out, const verify::VerifiedCommit& commit, bool live);

}  // namespace tap::ledger
