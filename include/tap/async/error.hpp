// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::async {

enum class Errc {
  timed_out = 1,  ///< the deadline passed
  closed,         ///< the queue or group is closed
  cancelled,      ///< the operation was cancelled, as in a shutdown
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::async

template <>
struct std::is_error_code_enum<tap::async::Errc> : std::true_type {};
