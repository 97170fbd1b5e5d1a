// SPDX-License-Identifier: MIT
#include "deliver/handshake.hpp"

#include "tap/net/ws_handshake.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace tap::deliver {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Request = http::request<http::empty_body>;

/// Whether a list header, in any of its lines, names the token.
bool names(const Request& request, http::field field, std::string_view token) {
  const auto [first, last] = request.equal_range(field);
  return std::any_of(first, last, [&](const auto& line) { return http::token_list(line.value()).exists(token); });
}

/// Base64 of 16 bytes.
bool is_key(std::string_view key) {
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return key.size() == 24 && key.ends_with("==") && std::ranges::all_of(key.substr(0, 22), is_digit);
}

/// The host and port of an origin; empty when it has none, as `null`.
std::string_view origin_host(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view rest = origin.substr(scheme + 3);
  return rest.substr(0, rest.find('/'));
}

bool is_same_host(const Request& request) {
  const auto [first, last] = request.equal_range(http::field::origin);
  if (first == last) return true;
  if (std::next(first) != last) return false;
  const std::string_view host = origin_host(first->value());
  return !host.empty() && beast::iequals(host, request[http::field::host]);
}

/// What is missing for a handshake, or nothing.
std::string_view complaint(const Request& request) {
  if (request.version() < 11) return "HTTP is too old";
  if (!names(request, http::field::connection, "upgrade")) return "no upgrade in Connection";
  if (!names(request, http::field::upgrade, "websocket")) return "no websocket in Upgrade";
  if (request.method() != http::verb::get) return "the method is not GET";
  if (!names(request, http::field::sec_websocket_version, "13")) return "not version 13";
  if (!is_key(request[http::field::sec_websocket_key])) return "bad Sec-WebSocket-Key";
  return {};
}

Handshake bad_request(std::string_view reason) {
  return {.response =
              "HTTP/1.1 400 Bad Request\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Sec-Websocket-Version: 13\r\n"
              "X-Content-Type-Options: nosniff\r\n"
              "Content-Length: 12\r\n"
              "Connection: close\r\n"
              "\r\n"
              "Bad Request\n",
          .reason = std::string(reason),
          .head = 0};
}

}  // namespace

Handshake shake_hands(std::string_view received) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(std::numeric_limits<std::uint32_t>::max());  // the API has judged its size
  boost::system::error_code error;
  const std::size_t head = parser.put(boost::asio::buffer(received), error);
  if (error || !parser.is_header_done()) return bad_request("no request head");
  const Request& request = parser.get();
  if (const std::string_view reason = complaint(request); !reason.empty()) return bad_request(reason);
  if (!is_same_host(request)) {
    return {.response = refusal("403 Forbidden", "Forbidden"),
            .reason = "foreign origin " + std::string(request[http::field::origin]),
            .head = 0};
  }
  return {.accepted = true,
          .response =
              "HTTP/1.1 101 Switching Protocols\r\n"
              "Upgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Accept: " +
              net::websocket_accept(request[http::field::sec_websocket_key]) + "\r\n\r\n",
          .reason = {},
          .head = head};
}

std::string refusal(std::string_view status, std::string_view message) {
  const std::string body = fmt::format("{{\"message\":\"{}\"}}\n", message);
  return fmt::format(
      "HTTP/1.1 {}\r\n"
      "Content-Type: application/json; charset=UTF-8\r\n"
      "Content-Length: {}\r\n"
      "Connection: close\r\n"
      "\r\n{}",
      status, body.size(), body);
}

}  // namespace tap::deliver
