// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"

#include <span>

namespace tap::faults {

/// A CAR that a PDS may answer getRepo with and that must be refused as a whole: the account's repo with one defect.
/// Where a whole tree is invented, it is signed by the account, and everything but the defect is in order.
struct RepoLie {
  const char* name;
  Bytes (*tell)(test::Account& account, test::Dice& dice);
};
[[nodiscard]] std::span<const RepoLie> repo_lies();

/// The true repo in one of the many forms that are legal: blocks in any order, twice, with others among them.
[[nodiscard]] Bytes true_repo(test::Account& account, test::Dice& dice);

}  // namespace tap::faults
