// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"

#include <span>
#include <string_view>

namespace tap::faults {

/// Stands in the path of every record that somebody invented. None of them may ever reach a consumer.
inline constexpr std::string_view kLieMark = "-lie";

/// A #commit that must not be believed, made from a true one: it tells a record that its account never wrote, and has
/// one defect by which that can be seen. Everything else about it is in order, signature and proof included.
struct CommitLie {
  const char* name;
  test::CommitMessage (*tell)(const test::Account& account, test::CommitMessage truth, test::Dice& dice);
};
[[nodiscard]] std::span<const CommitLie> commit_lies();

}  // namespace tap::faults
