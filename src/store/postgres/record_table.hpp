// SPDX-License-Identifier: MIT
#pragma once

#include "store/fold.hpp"
#include "store/postgres/connection.hpp"

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace tap::store::postgres {

/// The record index: the tables records and collections. Inside the caller's transaction; what needs no answer is only
/// queued.
class RecordTable {
 public:
  /// The last content of each record of these repos, which exist.
  [[nodiscard]] Result<void> put(Connection& to, std::span<const FoldPlan::Repo* const> repos,
                                 const std::vector<std::string>& collections);
  /// After a rollback: what was looked up meanwhile may not be there.
  void forget() { collections_.clear(); }

 private:
  /// The ids of all of these, in their order; those that are new are added.
  [[nodiscard]] Result<std::vector<std::int64_t>> intern(Connection& to, const std::vector<std::string>& names);

  std::unordered_map<std::string, std::int64_t> collections_;
};

}  // namespace tap::store::postgres
