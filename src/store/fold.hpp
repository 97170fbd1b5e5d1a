// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/types.hpp"

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tap::store {

/// What a stretch of the journal comes to in the tables: the last head of each repo and the last content of each
/// record, in key order, for the engine to apply in slices. Applying it twice, or a part of it before the whole, is
/// harmless: it holds values, not differences.
class FoldPlan {
 public:
  struct Record {
    std::uint32_t collection = 0;  ///< in collections()
    std::string rkey;
    std::optional<atproto::Cid> cid;  ///< empty: deleted
    std::size_t at = 0;               ///< its place among the changes of its repo
  };
  struct Repo {
    RepoId id{};
    repos::Head head;
    std::vector<Record> records;  ///< by collection number and rkey, each once
  };

  /// Changes in the order of the journal.
  void add(std::span<const AdvanceHead> changes);
  /// Sorts; afterwards no add().
  void finish();

  /// Commits that went in.
  [[nodiscard]] std::size_t commits() const { return commits_; }
  /// In id order, after finish().
  [[nodiscard]] const std::vector<Repo>& repos() const { return repos_; }
  [[nodiscard]] bool touches(RepoId id) const { return index_.contains(id); }
  [[nodiscard]] const std::vector<std::string>& collections() const { return collections_; }

 private:
  [[nodiscard]] std::uint32_t number_of(const std::string& collection);

  std::vector<Repo> repos_;
  std::unordered_map<RepoId, std::size_t> index_;
  std::vector<std::string> collections_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::size_t commits_ = 0;
};

}  // namespace tap::store
