// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace tap::test {

/// An account whose owner never rests, in a repo that stays below some hundred records.
struct Author {
  explicit Author(Account of) : account(std::move(of)) {}

  Account account;
  std::set<std::string> deleted;  ///< paths; the owner of this struct forgets them
  bool is_away = false;           ///< deactivated

  /// Creates, updates and deletes that fit, for the next commit; those to be deleted are noted.
  [[nodiscard]] std::vector<Write> some_writes(Dice& dice);
  /// From here on it deletes more than it writes.
  [[nodiscard]] bool has_many_records() const { return account.records().size() > kManyRecords; }
  /// Path to CID, as a consumer should know them.
  [[nodiscard]] std::map<std::string, std::string> record_cids() const;

 private:
  static constexpr std::size_t kManyRecords = 200;
  [[nodiscard]] std::string some_path(Dice& dice) const;

  std::uint64_t written_ = 0;
};

}  // namespace tap::test
