// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/slots.hpp"
#include "tap/identity/directory.hpp"

namespace tap::identity {

/// Where the document of a DID stands.
struct Source {
  net::Url url;
  net::Trust trust = net::Trust::untrusted;
};
/// Protocol 9.1 and 9.2; pure. unsupported_method, or not_found when there can be no such document.
[[nodiscard]] Result<Source> source_of(const atproto::Did& did, const net::Url& plc_url, bool allow_private_hosts);

/// Fetches and parses documents, a bounded number at once. Errors are identity's own. Loop thread only.
class Fetcher {
 public:
  Fetcher(Executor loop, net::HttpClient& http, const DirectoryOptions& options);
  [[nodiscard]] Task<Result<IdentityPtr>> fetch(atproto::Did did);

 private:
  net::HttpClient& http_;
  const DirectoryOptions& options_;
  // Apart, so that hosts that never answer do not keep anybody from the directory.
  async::Slots plc_slots_;
  async::Slots web_slots_;
};

}  // namespace tap::identity
