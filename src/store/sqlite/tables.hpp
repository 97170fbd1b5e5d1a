// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/types.hpp"

#include "store/fold.hpp"
#include "store/sqlite/database.hpp"

#include <functional>
#include <span>
#include <string>
#include <unordered_map>

namespace tap::store::sqlite {

/// The tables that hold what is, as against the journal of what happened. Inside the caller's transaction.
class Tables {
 public:
  explicit Tables(Database& database) : database_(database) {}

  [[nodiscard]] Result<void> apply(const AddRepo& add);
  [[nodiscard]] Result<void> apply(const RemoveRepo& remove);
  [[nodiscard]] Result<void> apply(const SetState& set);
  [[nodiscard]] Result<void> apply(const SetAccount& set);
  [[nodiscard]] Result<void> apply(const ExpectHandle& expect);
  [[nodiscard]] Result<void> apply(const SetHandle& set);
  [[nodiscard]] Result<void> apply(const SetHead& set);
  [[nodiscard]] Result<void> apply(const PutRecords& put);
  [[nodiscard]] Result<void> apply(const BufferCommit& buffer);
  [[nodiscard]] Result<void> apply(const DropBuffered& drop);
  [[nodiscard]] Result<void> apply(const SaveCursor& save);
  /// What the journal says of these repos; of those that were removed nothing.
  [[nodiscard]] Result<void> fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections);
  /// After a rollback: what was looked up meanwhile may not be there.
  void forget() { collections_.clear(); }

  /// Every repo, in id order.
  [[nodiscard]] Result<void> each_repo(const std::function<void(RepoRow&)>& sink);

 private:
  [[nodiscard]] Result<void> fold_repo(const FoldPlan::Repo& repo, const std::vector<std::string>& collections);
  [[nodiscard]] Result<bool> set_head(RepoId id, const repos::Head& head);
  [[nodiscard]] Result<void> put(RepoId id, std::int64_t collection, std::string_view rkey,
                                 const std::optional<atproto::Cid>& cid);
  [[nodiscard]] Result<std::int64_t> intern(const std::string& collection);

  Database& database_;
  std::unordered_map<std::string, std::int64_t> collections_;
};

}  // namespace tap::store::sqlite
