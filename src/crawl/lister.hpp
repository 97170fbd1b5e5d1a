// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/result.hpp"
#include "tap/crawl/crawler.hpp"

#include "crawl/page.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace tap::crawl {

/// Asks the relay for the pages of one list.
class Lister {
 public:
  Lister(net::HttpClient& http, const Clock& clock, const CrawlOptions& options);

  struct Answer {
    Result<Page> page;
    std::optional<std::chrono::seconds> pause = {};  ///< the relay wants to be left alone for so long
  };
  [[nodiscard]] Task<Answer> ask(std::string cursor);

 private:
  net::HttpClient& http_;
  const Clock& clock_;
  const CrawlOptions& options_;
  std::string target_;  // without the cursor
};

}  // namespace tap::crawl
