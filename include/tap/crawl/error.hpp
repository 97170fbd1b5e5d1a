// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::crawl {

enum class Errc {
  bad_page = 1,  ///< the relay's answer is no list of repos
  refused,       ///< the relay answered with an error
  bad_request,   ///< the relay does not understand the request: the cursor may be outdated
  unsupported,   ///< the relay has no such list
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::crawl

template <>
struct std::is_error_code_enum<tap::crawl::Errc> : std::true_type {};
