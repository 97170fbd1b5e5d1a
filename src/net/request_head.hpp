// SPDX-License-Identifier: MIT
#pragma once

#include "tap/net/http_client.hpp"

#include <string>

namespace tap::net {

/// Request line and headers as they go over the wire: Host, User-Agent, the credentials of the URL, Content-Length when
/// there is a body, then the request's own. bad_url when something in them would end a line.
[[nodiscard]] Result<std::string> request_head(const Request& request, const std::string& user_agent);

}  // namespace tap::net
