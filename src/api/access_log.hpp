// SPDX-License-Identifier: MIT
#pragma once

#include "api/http.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace tap::api {

/// One line of the access log (protocol 11.10).
[[nodiscard]] std::string access_line(std::string_view time, std::string_view remote, const Request& request,
                                      const Response& response, std::chrono::nanoseconds latency,
                                      std::size_t bytes_out);
/// 1.5ms, 830ns, 2m3.4s: as the original writes durations.
[[nodiscard]] std::string human_duration(std::chrono::nanoseconds duration);

}  // namespace tap::api
