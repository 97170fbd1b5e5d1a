// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/base/result.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/url.hpp"

#include <string_view>

namespace tap::firehose {

/// Asks the relay whether an account is active (com.atproto.sync.getRepoStatus, protocol 10.4). Loop thread only.
class AccountStatus {
 public:
  AccountStatus(net::HttpClient& http, net::Url relay) : http_(http), relay_(std::move(relay)) {}

  /// False also when the relay does not know the account, or the question. An error is worth another try.
  [[nodiscard]] Task<Result<bool>> is_active(atproto::Did did);

 private:
  net::HttpClient& http_;
  net::Url relay_;
};

/// What an answer says; false when it is none. Pure.
[[nodiscard]] bool says_active(std::string_view json);

}  // namespace tap::firehose
