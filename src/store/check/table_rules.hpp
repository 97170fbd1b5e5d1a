// SPDX-License-Identifier: MIT
#pragma once

#include "store/check/journal_rules.hpp"

namespace tap::store::check {

// What holds of the other tables; each looks at its own and reports.

/// Gives the counters, as far as they can be believed.
[[nodiscard]] Result<Counters> check_counters(Snapshot& snapshot, std::vector<Check>& out);
[[nodiscard]] Result<void> check_repos(Snapshot& snapshot, const Counters& counters, const UnfoldedRevs& unfolded,
                                       std::vector<Check>& out);
[[nodiscard]] Result<void> check_collections(Snapshot& snapshot, std::vector<Check>& out);
[[nodiscard]] Result<void> check_records(Snapshot& snapshot, std::vector<Check>& out);
[[nodiscard]] Result<void> check_buffered(Snapshot& snapshot, std::vector<Check>& out);
[[nodiscard]] Result<void> check_cursors(Snapshot& snapshot, std::vector<Check>& out);
[[nodiscard]] Result<void> check_dead_letters(Snapshot& snapshot, const Counters& counters, std::vector<Check>& out);
[[nodiscard]] Result<void> check_sequences(Snapshot& snapshot, std::vector<Check>& out);

}  // namespace tap::store::check
