// SPDX-License-Identifier: MIT
#include "tap/crawl/crawler.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"
#include "tap/crawl/error.hpp"

#include "crawl/lister.hpp"
#include "crawl/wait.hpp"

#include <optional>
#include <utility>

namespace tap::crawl {
namespace {

using std::chrono::milliseconds;

constexpr log::Logger kLog("crawler");

class RelayCrawler final : public Crawler {
 public:
  RelayCrawler(CrawlParts parts, CrawlOptions options)
      : parts_(parts),
        options_(std::move(options)),
        list_(options_.collection.empty() ? "network" : options_.collection),
        place_(cursor_place(options_.relay, options_.collection)),
        lister_(parts.http, parts.clock, options_),
        discovered_(parts.metrics.counter("tap_crawler_repos_discovered_total", "Repos that the relay has listed")),
        added_(parts.metrics.counter("tap_crawler_repos_added_total", "Of them, those that were not followed before")),
        malformed_(parts.metrics.counter("tap_crawler_entries_malformed_total", "Entries that name no repo")),
        failures_(parts.metrics.counter("tap_crawler_failures_total", "Pages that could not be got or kept")),
        passes_(parts.metrics.counter("tap_crawler_passes_total", "Lists that were read to their end")) {}

  Task<void> run() override {
    co_await load();
    for (;;) {
      const Tally tally = co_await pass();
      passes_.add();
      kLog.info("listed all repos", {{"list", list_}, {"listed", tally.listed}, {"new", tally.added}});
      co_await async::sleep_for(options_.interval + parts_.jitter.below(options_.interval / 24));
    }
  }

 private:
  struct Tally {
    std::size_t listed = 0;
    std::size_t added = 0;
  };

  Task<void> load() {
    for (unsigned attempt = 0;; ++attempt) {
      auto cursor = co_await parts_.reader.cursor(place_.kind, place_.key);
      if (cursor) {
        cursor_ = std::move(*cursor);
        co_return;
      }
      co_await recover(cursor.error(), {}, attempt);
    }
  }

  /// From where it stands to the end of the list.
  Task<Tally> pass() {
    Tally tally;
    for (unsigned attempt = 0;;) {
      std::optional<std::chrono::seconds> pause;
      auto more = co_await next_page(tally, pause);
      if (!more) {
        co_await recover(more.error(), pause, attempt++);
        continue;
      }
      if (!*more) co_return tally;
      attempt = 0;
    }
  }

  Task<Result<bool>> next_page(Tally& tally, std::optional<std::chrono::seconds>& pause) {
    auto answer = co_await lister_.ask(cursor_);
    pause = answer.pause;
    if (answer.page) co_return co_await take(std::move(*answer.page), tally);
    // Cursors do not keep for ever: then the list is read from its beginning.
    if (answer.page.error() == Errc::bad_request) cursor_.clear();
    co_return std::unexpected(answer.page.error());
  }

  /// Tracks the page's repos, then moves the cursor: after a crash between the two the page comes once more. False when
  /// it was the last one.
  Task<Result<bool>> take(Page page, Tally& tally) {
    const std::size_t count = page.dids.size();
    // Nearly all are known. One whose event waits for the directory would make a thousand others wait with it.
    std::erase_if(page.dids, [this](const atproto::Did& did) { return parts_.ledger.is_tracked(did.str()); });
    auto added = co_await parts_.ledger.track(std::move(page.dids));
    if (!added) co_return std::unexpected(added.error());
    const bool stuck = !page.cursor.empty() && page.cursor == cursor_;
    if (stuck) kLog.warn("the relay's list does not go on", {{"list", list_}, {"cursor", cursor_}});
    std::string next = stuck ? std::string() : std::move(page.cursor);
    store::Write write;
    write.mutations.emplace_back(store::SaveCursor{place_.kind, place_.key, next});
    if (auto saved = co_await parts_.writer.commit(std::move(write)); !saved) co_return std::unexpected(saved.error());

    discovered_.add(count);
    added_.add(*added);
    malformed_.add(page.malformed);
    tally.listed += count;
    tally.added += *added;
    cursor_ = std::move(next);
    co_return !cursor_.empty();
  }

  /// Waits before the next attempt: as long as the relay asks, or a time that doubles.
  Task<void> recover(const Error& error, std::optional<std::chrono::seconds> pause, unsigned attempt) {
    failures_.add();
    milliseconds wait = wait_after(error, pause, attempt, options_);
    wait += parts_.jitter.below(options_.retry_unit);
    kLog.warn("failed to list repos", {{"list", list_}, {"error", error.message()}, {"retry_in_ms", wait.count()}});
    co_await async::sleep_for(wait);
  }

  CrawlParts parts_;
  CrawlOptions options_;
  std::string list_;  // for people
  CursorPlace place_;
  Lister lister_;
  std::string cursor_;
  metrics::Counter& discovered_;
  metrics::Counter& added_;
  metrics::Counter& malformed_;
  metrics::Counter& failures_;
  metrics::Counter& passes_;
};

}  // namespace

CursorPlace cursor_place(const net::Url& relay, std::string_view collection) {
  const std::string origin = relay.http().origin();
  if (collection.empty()) return {"list_repos", origin};
  return {"collection", origin + " " + std::string(collection)};
}

std::unique_ptr<Crawler> make_crawler(CrawlParts parts, CrawlOptions options) {
  return std::make_unique<RelayCrawler>(parts, std::move(options));
}

}  // namespace tap::crawl
