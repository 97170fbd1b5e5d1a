// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/url.hpp"
#include "tap/store/writer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tap::crawl {

struct CrawlOptions {
  net::Url relay = {};
  std::string collection = {};                     ///< repos that have it (10.3); empty: the whole network's (10.2)
  std::size_t page = 1'000;                        ///< repos asked for at once
  std::chrono::milliseconds page_timeout{30'000};  ///< of one request
  std::uint64_t max_page_bytes = std::uint64_t{8} << 20;
  std::chrono::milliseconds interval{24 * 3'600'000};  ///< from the end of a pass to the next one
  std::chrono::milliseconds retry_unit{1'000};         ///< after trouble: one, then the double each time,
  unsigned longest_retry = 64;                         ///< up to so many
  std::chrono::milliseconds unsupported{3'600'000};    ///< until a relay is asked again that has no such list
};

struct CrawlParts {
  net::HttpClient& http;
  ledger::Ledger& ledger;
  store::Writer& writer;
  store::Reader& reader;
  const Clock& clock;
  Jitter& jitter;
  metrics::Registry& metrics;
};

/// Reads one list of repos at the relay, page by page, and tracks those that are not yet (protocol 10.2, 10.3). A pass
/// ends where the relay gives no cursor, however many pages before it were empty (8.4 item 45); the next one begins at
/// the beginning, because accounts that come back stand anywhere in the list (item 46). Where a pass stands is in the
/// database: a restart goes on from there. Loop thread only.
class Crawler {
 public:
  virtual ~Crawler() = default;
  /// Crawls until cancelled; trouble with relay or database is logged and tried again. Once.
  [[nodiscard]] virtual Task<void> run() = 0;
};
[[nodiscard]] std::unique_ptr<Crawler> make_crawler(CrawlParts parts, CrawlOptions options);

/// Where the cursor of a pass is kept: a kind and a key of store::SaveCursor. One for all spellings of a relay.
struct CursorPlace {
  std::string kind, key;
};
/// `collection` as in CrawlOptions.
[[nodiscard]] CursorPlace cursor_place(const net::Url& relay, std::string_view collection);

}  // namespace tap::crawl
