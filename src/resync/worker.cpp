// SPDX-License-Identifier: MIT
#include "resync/worker.hpp"

#include "tap/base/log.hpp"
#include "tap/resync/error.hpp"
#include "tap/verify/sync.hpp"

#include "resync/batch_writer.hpp"
#include "resync/failure.hpp"
#include "resync/merge.hpp"
#include "resync/retry.hpp"
#include "resync/stored_index.hpp"
#include "resync/tree_check.hpp"

#include <span>
#include <utility>

namespace tap::resync {
namespace {

constexpr log::Logger kLog("resyncer");
constexpr std::size_t kCheckSlice = 20'000;  // records that one job of the pool looks at: some 20 ms
constexpr std::size_t kReplayPage = 256;     // at most, of 8 MiB
/// Walking and rendering so little takes less time than to wake a thread for it.
constexpr std::size_t kSmallRepo = std::size_t{8} << 10;

/// On the pool, or at once.
template <class Job>
auto compute(async::CpuPool& cpu, bool at_once, Job job) -> Task<decltype(job())> {
  if (at_once) co_return job();
  co_return co_await cpu.run(std::move(job));
}

Result<atproto::Commit> check_root(BlockFile& blocks, const atproto::Cid& root, const atproto::Did& did,
                                   const atproto::PublicKey& key, std::optional<atproto::Tid> held, WallTime now) {
  auto block = blocks.get(root);
  if (!block) return std::unexpected(block.error());
  return verify::check_snapshot(*block, did, key, held, now);
}

}  // namespace

Worker::Worker(const ResyncParts& parts, const verify::Filter& filter, const ResyncOptions& options,
               async::TaskGroup& group)
    : parts_(parts),
      filter_(filter),
      options_(options),
      group_(group),
      unreadable_(parts.metrics.counter("tap_resync_records_unreadable_total",
                                        "Records told without their content: not of the data model")),
      odd_keys_(parts.metrics.counter("tap_resync_odd_keys_total", "Keys of fetched trees that are no record's path")),
      rejoined_(parts.metrics.counter("tap_resync_replays_failed_total",
                                      "Fetched repos whose live commits did not fit behind them")),
      behind_(parts.metrics.counter("tap_resync_behind_total",
                                    "Fetched repos that were older than the firehose had shown")) {}

Task<Result<Worker::Settled>> Worker::settle(Claim& claim, Fetched fetched, Signed signed_commit) {
  const atproto::Commit& commit = signed_commit.commit;
  auto wanted = co_await check_tree(claim, fetched, commit.data);
  if (!wanted) co_return std::unexpected(wanted.error());

  // The index is written and read directly from here: what was journaled goes first.
  if (claim.before().head) {
    if (auto folded = co_await parts_.writer.fold_repo(claim.id()); !folded) co_return std::unexpected(folded.error());
  }
  // Also when the root is the one that we hold: the filter may be another, or an attempt have ended half way.
  auto merged = co_await merge(claim, fetched, commit);
  if (!merged) co_return std::unexpected(merged.error());
  fetched.blocks.reset();
  if (!merged->last.events.empty()) co_await parts_.outbox.wait_for_room();
  auto settled =
      co_await join_live(claim, {commit.rev, commit.data, *wanted}, signed_commit.key, std::move(merged->last));
  if (settled) settled->changes = merged->changes;
  co_return settled;
}

Task<Result<Worker::Signed>> Worker::check_signature(const Claim& claim, const Fetched& fetched,
                                                     identity::IdentityPtr identity) {
  const auto& head = claim.before().head;
  const auto held = head ? std::optional(head->rev) : std::nullopt;
  for (bool refreshed = false;; refreshed = true) {
    if (!identity->key) co_return fail(Errc::no_key, identity->key_error);
    auto commit = co_await parts_.cpu.run(
        [blocks = fetched.blocks.get(), root = fetched.root, did = claim.did(), key = *identity->key, held,
         now = parts_.clock.wall()] { return check_root(*blocks, root, did, key, held, now); });
    if (commit) co_return Signed{std::move(*commit), *identity->key};
    if (refreshed || !is_signature_error(commit.error())) co_return std::unexpected(commit.error());
    // The key may have been rotated while the repo was on its way. A whole repo was fetched, so this may cost a request
    // though the last one be but a moment old: else the repo would be fetched again in vain.
    parts_.directory.purge(claim.did());
    auto fresh = co_await parts_.directory.refresh(claim.did());
    if (!fresh) co_return std::unexpected(fresh.error());
    if ((*fresh)->key && *(*fresh)->key == *identity->key) co_return std::unexpected(commit.error());
    identity = *fresh;
  }
}

Task<Result<std::uint64_t>> Worker::check_tree(const Claim& claim, Fetched& fetched, atproto::Cid root) {
  TreeCheck check(*fetched.blocks, root, filter_);
  const bool at_once = fetched.blocks->bytes() <= kSmallRepo;
  for (;;) {
    auto done = co_await compute(parts_.cpu, at_once, [&check] { return check.advance(kCheckSlice); });
    if (!done) co_return std::unexpected(done.error());
    if (*done) break;
  }
  if (check.odd_keys() > 0) {
    odd_keys_.add(check.odd_keys());
    kLog.warn("passed over keys that are no path", {{"did", claim.did().str()}, {"count", check.odd_keys()}});
  }
  co_return check.wanted();
}

Task<Result<Worker::Merged>> Worker::merge(Claim& claim, Fetched& fetched, const atproto::Commit& commit) {
  StoredIndex index(parts_.reader, claim.id());
  if (!parts_.ledger.take_blank(claim.id())) {
    if (auto opened = co_await index.open(); !opened) co_return std::unexpected(opened.error());
  }
  const bool told_before = claim.before().head || !index.empty() || parts_.ledger.may_have_returned(claim.did().str());
  Merge difference(*fetched.blocks, commit.data, claim.did(), commit.rev, filter_, told_before,
                   {.records = options_.batch_records});

  // What has a head may have much in the index that the tree has no more.
  const bool at_once = fetched.blocks->bytes() <= kSmallRepo && !claim.before().head;
  BatchWriter out(parts_, group_, claim.id(), claim.did());
  Merged merged;
  Result<void> going;
  for (bool done = false; going && !done;) {
    auto batch = co_await compute(parts_.cpu, at_once, [&difference] { return difference.next(); });
    if (!batch) {
      going = std::unexpected(batch.error());
      break;
    }
    done = batch->done;
    if (!batch->empty()) {
      merged.changes += batch->changes.size();
      if (!merged.last.mutations.empty()) going = co_await out.write(std::exchange(merged.last, {}));
      store::Write write;
      write.mutations.emplace_back(store::PutRecords{claim.id(), std::move(batch->changes)});
      write.events = std::move(batch->events);
      merged.last = std::move(write);
    }
    if (going && batch->wants_stored) going = co_await index.feed(difference);
  }
  if (auto written = co_await out.finish(); going && !written) going = written;
  if (difference.unreadable() > 0) {
    unreadable_.add(difference.unreadable());
    kLog.warn("told records without their content", {{"did", claim.did().str()}, {"count", difference.unreadable()}});
  }
  if (!going) co_return std::unexpected(going.error());
  co_return merged;
}

Task<Result<Worker::Settled>> Worker::join_live(Claim& claim, repos::Head snapshot, atproto::PublicKey key,
                                                store::Write write) {
  // In turn to the end: what comes after is buffered no more, for the repo is active.
  auto turn = parts_.ledger.turn_of(claim.did().str());
  co_await turn.turn();
  if (!claim.holds()) co_return fail(Errc::removed);

  Replay replay(claim.id(), claim.did(), std::move(key), filter_, snapshot, parts_.clock.wall());
  auto doubtful = co_await doubt(claim, replay, write);
  if (!doubtful) co_return std::unexpected(doubtful.error());
  store::SetState state{claim.id(), repos::State::active, {}, 0, 0};
  Settled settled{.head = replay.head()};
  if (*doubtful) {
    auto retry = co_await next_retry(parts_, claim.id(), false);
    if (!retry) co_return std::unexpected(retry.error());
    state = {claim.id(), repos::State::desynchronized, (*doubtful)->message(), retry->retries, retry->after};
    settled.again = retry->delay;
    kLog.warn("a fetched repo is to be fetched again",
              {{"did", claim.did().str()}, {"rev", snapshot.rev.str()}, {"error", state.error}});
  }
  const repos::State after = state.state;
  replay.move_to(write);
  write.mutations.emplace_back(store::SetHead{claim.id(), replay.head()});
  write.mutations.emplace_back(store::DropBuffered{claim.id()});
  write.mutations.emplace_back(std::move(state));
  if (auto written = co_await parts_.writer.commit(std::move(write)); !written) {
    co_return std::unexpected(written.error());
  }
  parts_.table.set_head(claim.id(), settled.head);
  claim.settle(after);
  if (!settled.again) parts_.ledger.seen_revs().forget(claim.id());
  co_return settled;
}

Task<Result<std::optional<Error>>> Worker::doubt(const Claim& claim, Replay& replay, store::Write& write) {
  auto broken = co_await replay_buffered(claim, replay, write);
  if (!broken) co_return broken;
  if (*broken) {
    rejoined_.add();
    co_return broken;
  }
  using Verdict = ledger::SeenRevs::Verdict;
  switch (parts_.ledger.seen_revs().fetched(claim.id(), replay.head().rev)) {
    case Verdict::current:
      break;
    case Verdict::behind:
      behind_.add();
      co_return Error(Errc::behind);
    case Verdict::hopeless:
      kLog.warn("took an old repo as it is: its PDS serves no newer one",
                {{"did", claim.did().str()}, {"rev", replay.head().rev.str()}});
      break;
  }
  co_return std::nullopt;
}

Task<Result<std::optional<Error>>> Worker::replay_buffered(const Claim& claim, Replay& replay, store::Write& write) {
  if (parts_.ledger.buffer_overflowed(claim.id())) co_return Error(Errc::buffer_full);
  if (!parts_.ledger.has_buffered(claim.id())) co_return std::nullopt;
  for (std::int64_t after = 0; !replay.broken();) {
    auto page = co_await parts_.reader.buffered(claim.id(), after, kReplayPage);
    if (!page) co_return std::unexpected(page.error());
    if (page->empty()) break;
    after = page->back().row;
    for (std::span<const store::BufferedCommit> rest = *page;;) {
      rest = co_await parts_.cpu.run([&replay, rest] { return replay.take(rest); });
      if (rest.empty()) break;
      replay.move_to(write);
      if (auto written = co_await parts_.writer.commit(std::exchange(write, {})); !written) {
        co_return std::unexpected(written.error());
      }
    }
  }
  co_return replay.broken();
}

}  // namespace tap::resync
