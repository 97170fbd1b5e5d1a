// SPDX-License-Identifier: MIT
#include "resync/retry.hpp"

#include "resync/queue.hpp"

namespace tap::resync {
namespace {
constexpr std::chrono::milliseconds kJitter{1'000};
}

Task<Result<Retry>> next_retry(const ResyncParts& parts, RepoId id, bool lasting) {
  auto details = co_await parts.reader.details(id);
  if (!details) co_return std::unexpected(details.error());
  Retry retry;
  retry.retries = (*details ? (*details)->retries : 0) + 1;
  retry.delay = retry_delay(lasting, retry.retries) + parts.jitter.below(kJitter);
  retry.after = unix_after(parts.clock.wall(), retry.delay);
  co_return retry;
}

}  // namespace tap::resync
