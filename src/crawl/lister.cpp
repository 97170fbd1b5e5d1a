// SPDX-License-Identifier: MIT
#include "crawl/lister.hpp"

#include "tap/net/retry_after.hpp"

namespace tap::crawl {
namespace {

std::string target_of(const CrawlOptions& options) {
  const std::string limit = "limit=" + std::to_string(options.page);
  if (options.collection.empty()) return "/xrpc/com.atproto.sync.listRepos?" + limit;
  return "/xrpc/com.atproto.sync.listReposByCollection?collection=" + net::encode_query(options.collection) + "&" +
         limit;
}

}  // namespace

Lister::Lister(net::HttpClient& http, const Clock& clock, const CrawlOptions& options)
    : http_(http), clock_(clock), options_(options), target_(target_of(options)) {}

Task<Lister::Answer> Lister::ask(std::string cursor) {
  const std::string query = cursor.empty() ? std::string() : "&cursor=" + net::encode_query(cursor);
  auto response = co_await http_.send({.url = options_.relay.http().with_target(target_ + query),
                                       .headers = {{"Accept", "application/json"}},
                                       .trust = net::Trust::operator_set,
                                       .timeout = options_.page_timeout,
                                       .max_body = options_.max_page_bytes});
  if (!response) co_return Answer{std::unexpected(response.error())};
  if (!response->ok()) {
    co_return Answer{std::unexpected(refusal(*response)), net::pause_of(*response, clock_.wall())};
  }
  co_return Answer{parse_page(response->body)};
}

}  // namespace tap::crawl
