// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::async {

enum class Errc {
  timed_out = 1,  ///< the deadline passed
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::async

template <>
struct std::is_error_code_enum<tap::async::Errc> : std::true_type {};
