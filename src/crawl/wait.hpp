// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"
#include "tap/crawl/crawler.hpp"

#include <chrono>
#include <optional>

namespace tap::crawl {

/// How long to wait after the attempt of this number (from 0) has failed; `pause` is what the relay asks for. Pure.
[[nodiscard]] std::chrono::milliseconds wait_after(const Error& error, std::optional<std::chrono::seconds> pause,
                                                   unsigned attempt, const CrawlOptions& options);

}  // namespace tap::crawl
