// SPDX-License-Identifier: MIT
#pragma once

#include "store/fold.hpp"
#include "store/postgres/connection.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tap::store::postgres {

/// The record index: the tables records and collections. Inside the caller's transaction; what needs no answer is only
/// queued.
class RecordTable {
 public:
  /// Strangers choose the names of collections: of those seen no more are remembered.
  explicit RecordTable(std::size_t max_collections = 65'536) : max_collections_(max_collections) {}

  /// The last content of each record of these repos, which exist.
  [[nodiscard]] Result<void> put(Connection& to, std::span<const FoldPlan::Repo* const> repos,
                                 const std::vector<std::string>& collections);
  /// After a rollback: what was looked up meanwhile may not be there.
  void forget() {
    collections_.clear();
    ends_.clear();
  }

 private:
  /// The ids of all of these, in their order; those that are new are added.
  [[nodiscard]] Result<std::vector<std::int64_t>> intern(Connection& to, const std::vector<std::string>& names);
  /// Which of these sorted rows are surely not there: a repo's in one collection, when nothing is at the first of them
  /// or behind it.
  [[nodiscard]] Result<std::vector<bool>> find_fresh(Connection& to, const std::vector<std::int64_t>& repos,
                                                     const std::vector<std::int64_t>& collections,
                                                     const std::vector<std::string_view>& rkeys);

  std::size_t max_collections_;
  std::unordered_map<std::string, std::int64_t> collections_;
  /// Of some repos and collections a key behind which there is no record: whoever writes in order need not ask, and
  /// what is not asked need not be waited for.
  std::map<std::pair<std::int64_t, std::int64_t>, std::string> ends_;
};

}  // namespace tap::store::postgres
