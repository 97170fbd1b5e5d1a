// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/identifiers.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace tap::repos {

/// A repo's number in memory and in the database. Every add gets a new one, also of a DID removed before: the number is
/// the generation, and work begun for an old one finds nothing to change.
enum class RepoId : std::uint64_t {};

/// Sync state (protocol 11.13). `resyncing` lives in memory only: a start finds such a repo as it was before the claim.
enum class State : std::uint8_t { pending, desynchronized, resyncing, active, error };
/// Account status at the service (7.5). `inactive` is inactive for a reason unknown to us; consumers hear
/// "deactivated".
enum class Account : std::uint8_t { active, takendown, suspended, deactivated, deleted, inactive };

[[nodiscard]] std::string_view name(State state);
[[nodiscard]] std::optional<State> parse_state(std::string_view text);
/// As stored and as sent to consumers.
[[nodiscard]] std::string_view name(Account account);
[[nodiscard]] std::optional<Account> parse_account(std::string_view text);

/// Where a repo stands: the last commit that was accepted.
struct Head {
  atproto::Tid rev;
  atproto::Cid data;
  std::uint64_t records = 0;  ///< stored records after this commit
  bool operator==(const Head&) const = default;
};

struct Repo {
  State state = State::pending;
  Account account = Account::active;
  std::optional<Head> head;  ///< empty until the first resync
  bool operator==(const Repo&) const = default;
};

}  // namespace tap::repos
