// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tap::api {

/// A request as far as the endpoints look at it.
struct Request {
  std::string method, target;  ///< as received
  std::string host, user_agent, request_id, content_type, authorization;
  std::uint64_t content_length = 0;  ///< as announced
  bool has_body = false;             ///< announced by a length above zero, or chunked
  bool keep_alive = true;
  bool is_old = false;  ///< HTTP/1.0
  std::string body;

  /// The target without query, and without scheme and host when it has them.
  [[nodiscard]] std::string_view path() const;
  /// The first value that the query gives to this parameter, decoded; "" when it names it without one.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type;  ///< none when empty
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string error;     ///< what the access log says; empty on success
  bool upgrade = false;  ///< the connection is for the channel
};

constexpr std::string_view kJson = "application/json; charset=UTF-8";

/// `json` and a newline, indented when the request asks for it.
[[nodiscard]] Response json_response(const Request& request, std::string json);
/// {"message":"..."} with this status; to HEAD the status alone.
[[nodiscard]] Response error_response(const Request& request, unsigned status, std::string_view message);
/// 500, what went wrong is in the log.
[[nodiscard]] Response internal_error(const Request& request);
[[nodiscard]] Response empty_response(unsigned status);

[[nodiscard]] std::string_view reason_phrase(unsigned status);
/// The bytes to send, headers in the original's order. `stays`: another request may follow on the connection; what the
/// other side takes for granted is not said. `date` as in the header of this name.
[[nodiscard]] std::string serialize(const Request& request, const Response& response, bool stays,
                                    std::string_view date);
/// Sun, 06 Nov 1994 08:49:37 GMT.
[[nodiscard]] std::string http_date();

}  // namespace tap::api
