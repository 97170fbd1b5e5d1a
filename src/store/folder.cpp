// SPDX-License-Identifier: MIT
#include "store/folder.hpp"

#include <limits>

namespace tap::store {
namespace {

/// Commits of one plan: some 30 MB in memory.
constexpr std::size_t kMaxCommits = 100'000;

}  // namespace

Result<void> Folder::rescan(Counters& counters) {
  folding_.reset();
  gathered_.clear();
  counters.unfolded = 0;
  return engine_.each_change(counters.folded, [&](outbox::EventId, std::span<const AdvanceHead> changes) {
    for (const AdvanceHead& change : changes) note(change.id);
    counters.unfolded += changes.size();
    return true;
  });
}

Result<void> Folder::slice(Counters& counters, std::size_t max) {
  if (!folding_) {
    if (counters.folded == counters.next_event) return {};
    auto gathered = gather(counters);
    if (!gathered) return std::unexpected(gathered.error());
    // A plan that does not reach the end leaves the set as it is: too large is harmless.
    if (gathered->up_to == counters.next_event) gathered_.clear();
    folding_ = std::move(*gathered);
  }
  std::size_t next = 0;
  Counters after = counters;
  auto done = engine_.transact([&]() -> Result<void> {
    auto applied = apply(*folding_, max);
    if (!applied) return std::unexpected(applied.error());
    next = *applied;
    return next == folding_->plan.repos().size() ? finish(*folding_, after) : Result<void>();
  });
  if (!done) return done;
  counters = after;
  folding_->done = next;
  if (next == folding_->plan.repos().size()) folding_.reset();
  return {};
}

Result<void> Folder::fold_within(Counters& counters) {
  folded_within_ = true;
  folding_.reset();  // its rows are gathered again
  while (counters.folded != counters.next_event) {
    auto folding = gather(counters);
    if (!folding) return std::unexpected(folding.error());
    auto applied = apply(*folding, std::numeric_limits<std::size_t>::max());
    if (!applied) return std::unexpected(applied.error());
    if (auto done = finish(*folding, counters); !done) return done;
  }
  gathered_.clear();
  return {};
}

Result<Folder::Folding> Folder::gather(const Counters& counters) {
  Folding folding;
  folding.up_to = counters.next_event;
  auto read = engine_.each_change(counters.folded, [&](outbox::EventId row, std::span<const AdvanceHead> changes) {
    if (folding.plan.commits() >= kMaxCommits) {
      folding.up_to = row;
      return false;
    }
    folding.plan.add(changes);
    return true;
  });
  if (!read) return std::unexpected(read.error());
  folding.plan.finish();
  return folding;
}

Result<std::size_t> Folder::apply(const Folding& folding, std::size_t max) {
  const std::span repos(folding.plan.repos());
  std::size_t end = folding.done;
  for (std::size_t changes = 0; end < repos.size() && changes < max; ++end) changes += repos[end].records.size() + 1;
  auto done = engine_.fold(repos.subspan(folding.done, end - folding.done), folding.plan.collections());
  if (!done) return std::unexpected(done.error());
  return end;
}

Result<void> Folder::finish(const Folding& folding, Counters& counters) {
  Counters after = counters;
  after.folded = folding.up_to;
  after.unfolded -= folding.plan.commits();
  auto done = engine_.save_counters(counters, after);
  if (done) done = engine_.release_changes(counters.folded, after.folded);
  if (done) counters = after;
  return done;
}

}  // namespace tap::store
