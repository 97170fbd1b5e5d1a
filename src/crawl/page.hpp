// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/identifiers.hpp"
#include "tap/base/result.hpp"
#include "tap/net/http_client.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tap::crawl {

/// One answer of listRepos or listReposByCollection (protocol 10.2, 10.3).
struct Page {
  std::vector<atproto::Did> dids;  ///< of accounts that are not said to be inactive
  std::size_t malformed = 0;       ///< entries that name no DID
  std::string cursor;              ///< of the next page; empty at the end of the list
};
/// Errc::bad_page when it is none. Pure.
[[nodiscard]] Result<Page> parse_page(std::string_view json);
/// What an answer without success means, in the first of the relay's words if they are text. Pure.
[[nodiscard]] Error refusal(const net::Response& response);

}  // namespace tap::crawl
