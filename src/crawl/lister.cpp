// SPDX-License-Identifier: MIT
#include "crawl/lister.hpp"

#include "tap/base/utf8.hpp"
#include "tap/crawl/error.hpp"
#include "tap/net/retry_after.hpp"

namespace tap::crawl {
namespace {

std::string target_of(const CrawlOptions& options) {
  const std::string limit = "limit=" + std::to_string(options.page);
  if (options.collection.empty()) return "/xrpc/com.atproto.sync.listRepos?" + limit;
  return "/xrpc/com.atproto.sync.listReposByCollection?collection=" + net::encode_query(options.collection) + "&" +
         limit;
}

Errc meaning_of(int status) {
  switch (status) {
    case 400:
      return Errc::bad_request;
    case 404:  // no such endpoint
    case 501:  // known, and not there
      return Errc::unsupported;
    default:
      return Errc::refused;
  }
}

Error refusal(const net::Response& response) {
  constexpr std::size_t kLongestText = 300;
  std::string text = "HTTP " + std::to_string(response.status);
  if (!response.body.empty()) text.append(": ").append(utf8_prefix(response.body, kLongestText));
  return {meaning_of(response.status), std::move(text)};
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
