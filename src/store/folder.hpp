// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"

#include <optional>
#include <unordered_set>

namespace tap::store {

/// Brings the journal into the tables: gathers a stretch of it, sorts it by key, and applies it in slices, each a
/// transaction of its own, so that commits wait for no more than one. The mark moves with the last slice; until then a
/// crash, or a commit that needs the fold done (fold_within), begins it again, which is harmless.
class Folder {
 public:
  explicit Folder(Engine& engine) : engine_(engine) {}

  /// Forgets the fold that is under way and looks at the journal anew: which repos it has changes for, and how many.
  [[nodiscard]] Result<void> rescan(Counters& counters);
  /// The journal has a change for this repo.
  void note(RepoId id) { gathered_.insert(id); }
  /// Whether it may have one. Never wrong when it says no.
  [[nodiscard]] bool touches(RepoId id) const {
    return gathered_.contains(id) || (folding_ && folding_->plan.touches(id));
  }

  /// One slice of about `max` record changes. Nothing to do is success.
  [[nodiscard]] Result<void> slice(Counters& counters, std::size_t max);

  /// Everything, inside the caller's transaction. When that is rolled back, rescan().
  [[nodiscard]] Result<void> fold_within(Counters& counters);
  /// Whether fold_within() was called since watch().
  void watch() { folded_within_ = false; }
  [[nodiscard]] bool watched_fold() const { return folded_within_; }

 private:
  struct Folding {
    FoldPlan plan;
    outbox::EventId up_to{};
    std::size_t done = 0;  // repos
  };
  [[nodiscard]] Result<Folding> gather(const Counters& counters);
  /// Repos from folding.done on, until max record changes are done; gives the next repo.
  [[nodiscard]] Result<std::size_t> apply(const Folding& folding, std::size_t max);
  [[nodiscard]] Result<void> finish(const Folding& folding, Counters& counters);

  Engine& engine_;
  std::unordered_set<RepoId> gathered_;
  std::optional<Folding> folding_;
  bool folded_within_ = false;
};

}  // namespace tap::store
