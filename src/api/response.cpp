// SPDX-License-Identifier: MIT
#include "tap/base/json.hpp"

#include "api/http.hpp"
#include "api/json.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace tap::api {

Response json_response(const Request& request, std::string json) {
  Response response{.content_type = std::string(kJson),
                    .body = request.parameter("pretty") ? indent_json(json) : std::move(json),
                    .headers = {},
                    .error = {}};
  response.body += '\n';
  return response;
}

Response error_response(const Request& request, unsigned status, std::string_view message) {
  std::string json = "{\"message\":";
  append_json_string(json, message);
  json += '}';
  Response response = json_response(request, std::move(json));
  response.status = status;
  response.error = fmt::format("code={}, message={}", status, message);
  if (request.method == "HEAD") {
    response.content_type.clear();
    response.body.clear();
  }
  return response;
}

Response internal_error(const Request& request) { return error_response(request, 500, "Internal Server Error"); }

Response empty_response(unsigned status) {
  Response response;
  response.status = status;
  return response;
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

std::string serialize(const Request& request, const Response& response, bool stays, std::string_view date) {
  const bool is_head = request.method == "HEAD";
  auto headers = response.headers;
  if (!response.content_type.empty()) headers.emplace_back("Content-Type", response.content_type);
  std::ranges::sort(headers);
  headers.emplace_back("Date", date);
  if (response.status != 204 && !(is_head && response.body.empty())) {
    headers.emplace_back("Content-Length", std::to_string(response.body.size()));
  }
  if (stays == request.is_old) headers.emplace_back("Connection", stays ? "keep-alive" : "close");

  std::string out =
      fmt::format("HTTP/1.{} {} {}\r\n", request.is_old ? 0 : 1, response.status, reason_phrase(response.status));
  for (const auto& [name, value] : headers) out += fmt::format("{}: {}\r\n", name, value);
  out += "\r\n";
  if (!is_head) out += response.body;
  return out;
}

std::string http_date() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now));
}

}  // namespace tap::api
