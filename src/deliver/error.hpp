// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::deliver {

/// Why a consumer is dropped.
enum class Errc {
  bad_message = 1,  ///< not a message of protocol 11.3
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::deliver

template <>
struct std::is_error_code_enum<tap::deliver::Errc> : std::true_type {};
