// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/types.hpp"

#include "store/engine.hpp"
#include "store/fold.hpp"
#include "store/original/rows.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tap::store::original {

/// A database of the original within the one transaction that makes it ours: its tables stand aside already, and ours
/// are there and empty. The engines have one each. While rows are visited, everything below may be called.
class Port {
 public:
  template <class Row>
  using Visit = std::function<Result<void>(const Row&)>;
  virtual ~Port() = default;

  // The original's.

  /// In the order of the DIDs.
  [[nodiscard]] virtual Result<void> each_repo(const Visit<RepoRow>& visit) = 0;
  /// Those of a DID one after another, DIDs in the order of each_repo().
  [[nodiscard]] virtual Result<void> each_record(const Visit<RecordRow>& visit) = 0;
  [[nodiscard]] virtual Result<void> each_held_commit(const Visit<HeldCommit>& visit) = 0;
  /// In the order of their ids.
  [[nodiscard]] virtual Result<void> each_event(const Visit<EventRow>& visit) = 0;
  [[nodiscard]] virtual Result<void> each_cursor(const Visit<OriginalCursor>& visit) = 0;
  [[nodiscard]] virtual Result<EventIds> event_ids() = 0;

  // Ours.

  [[nodiscard]] virtual Result<void> apply(const Mutation& mutation) = 0;
  [[nodiscard]] virtual Result<void> fold(std::span<const FoldPlan::Repo> repos,
                                          const std::vector<std::string>& collections) = 0;
  /// As Engine::append() does.
  [[nodiscard]] virtual Result<void> append(JournalWriter& journal, Counters& counters) = 0;
  [[nodiscard]] virtual Result<void> save(const Counters& counters) = 0;
  [[nodiscard]] virtual Result<std::optional<RepoId>> find(std::string_view did) = 0;
  /// All records of the repo have this content from now on.
  [[nodiscard]] virtual Result<void> overwrite_records(RepoId id, const atproto::Cid& cid) = 0;
};

}  // namespace tap::store::original
