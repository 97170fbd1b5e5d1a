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
  bool asks_to_stay = false;  ///< HTTP/1.0, where both have to say that the connection stays
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
/// {"message":"..."} with this status.
[[nodiscard]] Response error_response(const Request& request, unsigned status, std::string_view message);
/// 500, what went wrong is in the log.
[[nodiscard]] Response internal_error(const Request& request);
[[nodiscard]] Response empty_response(unsigned status);

[[nodiscard]] std::string_view reason_phrase(unsigned status);
/// The bytes to send. `connection` and `date` as in the headers of these names, the former none when empty;
/// `head_only`: the answer to HEAD.
[[nodiscard]] std::string serialize(const Response& response, std::string_view connection, bool head_only,
                                    std::string_view date);
/// Sun, 06 Nov 1994 08:49:37 GMT.
[[nodiscard]] std::string http_date();

}  // namespace tap::api
