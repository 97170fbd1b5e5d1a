// SPDX-License-Identifier: MIT
#include "crawl/wait.hpp"

#include "tap/crawl/error.hpp"

namespace tap::crawl {

std::chrono::milliseconds wait_after(const Error& error, std::optional<std::chrono::seconds> pause, unsigned attempt,
                                     const CrawlOptions& options) {
  if (pause) return *pause;
  if (error == Errc::unsupported) return options.unsupported;
  return backoff(attempt, options.longest_retry, options.retry_unit);
}

}  // namespace tap::crawl
