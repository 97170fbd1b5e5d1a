// SPDX-License-Identifier: MIT
#pragma once

#include "tap/resync/resyncer.hpp"

#include <chrono>
#include <cstdint>

namespace tap::resync {

/// The next try at a repo that failed, as it goes into the database.
struct Retry {
  std::uint32_t retries = 0;  ///< this one counted
  std::chrono::milliseconds delay{};
  std::int64_t after = 0;  ///< Unix second
};
/// [turn] Counts on from what the database says; errors are the store's.
[[nodiscard]] Task<Result<Retry>> next_retry(const ResyncParts& parts, RepoId id, bool lasting);

}  // namespace tap::resync
