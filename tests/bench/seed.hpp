// SPDX-License-Identifier: MIT
#pragma once

#include "bench/database.hpp"
#include "support/atproto/account.hpp"

#include <cstddef>
#include <vector>

namespace tap::bench {

/// Fills it as that of a Tap that has tracked so many repos for long, by the program's own store.
void seed_repos(const Database& database, std::size_t repos);

/// The same with these accounts, up to date, each with so many records in its index beside its own. The others are
/// nowhere in the accounts' trees: only a resync would find out.
void seed_accounts(const Database& database, const std::vector<test::Account>& accounts, std::size_t more_records);

}  // namespace tap::bench
