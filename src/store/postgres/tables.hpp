// SPDX-License-Identifier: MIT
#pragma once

#include "store/fold.hpp"
#include "store/postgres/connection.hpp"
#include "store/postgres/record_table.hpp"

#include <functional>
#include <span>
#include <string>
#include <unordered_set>

namespace tap::store::postgres {

/// The tables that hold what is, as against the journal of what happened. Inside the caller's transaction; what needs
/// no answer is only queued.
class Tables {
 public:
  [[nodiscard]] Result<void> apply(Connection& to, const AddRepo& add);
  [[nodiscard]] Result<void> apply(Connection& to, const RemoveRepo& remove);
  [[nodiscard]] Result<void> apply(Connection& to, const SetState& set);
  [[nodiscard]] Result<void> apply(Connection& to, const SetAccount& set);
  [[nodiscard]] Result<void> apply(Connection& to, const ExpectHandle& expect);
  [[nodiscard]] Result<void> apply(Connection& to, const SetHandle& set);
  [[nodiscard]] Result<void> apply(Connection& to, const SetHead& set);
  [[nodiscard]] Result<void> apply(Connection& to, const PutRecords& put);
  [[nodiscard]] Result<void> apply(Connection& to, const BufferCommit& buffer);
  [[nodiscard]] Result<void> apply(Connection& to, const DropBuffered& drop);
  [[nodiscard]] Result<void> apply(Connection& to, const SaveCursor& save);
  /// What the journal says of these repos; of those that were removed nothing.
  [[nodiscard]] Result<void> fold(Connection& to, std::span<const FoldPlan::Repo> repos,
                                  const std::vector<std::string>& collections);
  /// After a rollback: what was looked up meanwhile may not be there.
  void forget() {
    records_.forget();
    filled_.clear();
  }

  /// Every repo, in id order.
  [[nodiscard]] static Result<void> each_repo(Connection& from, const std::function<void(RepoRow&)>& sink);

  // Dead letters; both say how many rows they changed.
  [[nodiscard]] static Result<std::uint64_t> add(Connection& to, const outbox::DeadLetter& letter);
  [[nodiscard]] static Result<std::uint64_t> drop(Connection& to, std::span<const outbox::EventId> ids);

 private:
  RecordTable records_;
  std::unordered_set<RepoId> filled_;  // some of those that are there: records of theirs came before
};

}  // namespace tap::store::postgres
