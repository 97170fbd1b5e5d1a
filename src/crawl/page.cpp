// SPDX-License-Identifier: MIT
#include "crawl/page.hpp"

#include "tap/base/utf8.hpp"
#include "tap/crawl/error.hpp"

#include <simdjson.h>

#include <utility>

namespace tap::crawl {
namespace {

namespace dom = simdjson::dom;

/// It is kept in the database, and sent back.
constexpr std::size_t kLongestCursor = 4'096;

bool is_inactive(const dom::element& repo) {
  bool active = true;
  return repo["active"].get(active) == simdjson::SUCCESS && !active;
}

void read_repo(const dom::element& repo, Page& page) {
  std::string_view text;
  if (repo["did"].get(text) != simdjson::SUCCESS) {
    ++page.malformed;
    return;
  }
  if (is_inactive(repo)) return;
  if (auto did = atproto::Did::parse(text)) {
    page.dids.push_back(std::move(*did));
  } else {
    ++page.malformed;
  }
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

}  // namespace

Result<Page> parse_page(std::string_view json) {
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document); error != simdjson::SUCCESS) {
    return fail(Errc::bad_page, simdjson::error_message(error));
  }
  dom::array repos;
  if (document["repos"].get(repos) != simdjson::SUCCESS) return fail(Errc::bad_page, "no list of repos");
  Page page;
  page.dids.reserve(repos.size());
  for (const dom::element repo : repos) read_repo(repo, page);

  const auto cursor = document["cursor"];
  if (cursor.error() == simdjson::NO_SUCH_FIELD || (cursor.error() == simdjson::SUCCESS && cursor.is_null())) {
    return page;
  }
  std::string_view text;
  if (cursor.get(text) != simdjson::SUCCESS || text.size() > kLongestCursor) {
    return fail(Errc::bad_page, "unusable cursor");
  }
  page.cursor = text;
  return page;
}

Error refusal(const net::Response& response) {
  constexpr std::size_t kLongestText = 300;
  std::string text = "HTTP " + std::to_string(response.status);
  if (!response.body.empty() && is_utf8(response.body)) {
    text.append(": ").append(utf8_prefix(response.body, kLongestText));
  }
  return {meaning_of(response.status), std::move(text)};
}

}  // namespace tap::crawl
