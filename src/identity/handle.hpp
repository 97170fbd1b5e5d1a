// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/slots.hpp"
#include "tap/identity/directory.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tap::identity {

/// What a handle leads to. `none` is sure: no DID stands there, or several; `unknown` may be different next time.
struct HandleAnswer {
  enum class Kind : std::uint8_t { did, none, unknown };
  Kind kind = Kind::unknown;
  std::string did;  ///< of Kind::did
};
/// What the TXT records at _atproto.<handle> say (protocol 9.4); empty: nothing. Pure.
[[nodiscard]] std::optional<HandleAnswer> read_txt(const std::vector<std::string>& records);
/// What the answer of /.well-known/atproto-did says. Pure.
[[nodiscard]] HandleAnswer read_well_known(const Result<net::Response>& response);

/// Resolves handles over DNS, then HTTPS (protocol 9.4); a bounded number at once. Loop thread only.
class HandleResolver {
 public:
  HandleResolver(Executor loop, net::HttpClient& http, net::Resolver& resolver, const DirectoryOptions& options);
  /// `handle` is of valid syntax and lower case.
  [[nodiscard]] Task<HandleAnswer> resolve(std::string handle);

 private:
  net::HttpClient& http_;
  net::Resolver& resolver_;
  const DirectoryOptions& options_;
  async::Slots slots_;
};

}  // namespace tap::identity
