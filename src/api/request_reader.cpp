// SPDX-License-Identifier: MIT
#include "api/request_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

namespace tap::api {
namespace {

namespace http = boost::beast::http;
constexpr std::string_view kBadRequest = "400 Bad Request";
/// Alone, it is given to the parser with what comes behind it: Beast 1.81 asserts that it does not see it twice.
constexpr std::string_view kLastChunk = "0\r\n";

/// Any other transfer encoding leaves it open where the body ends, and so which bytes are the next request (RFC 9112,
/// 6.3). Beast takes some for chunked that are not quite, none of the others for a body, and nothing behind `chunked`.
bool has_clear_end(const http::request<http::string_body>& request) {
  if (request.count(http::field::transfer_encoding) == 0) return true;
  return request.version() == 11 && boost::beast::iequals(request[http::field::transfer_encoding], "chunked");
}

/// A path, or all of a URL, or `*`; every percent sign of the path begins an escape.
bool is_target(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (!path.starts_with('/') && path != "*" && path.find("://") == std::string_view::npos) return false;
  const auto is_hex = [&](std::size_t i) {
    return i < path.size() && std::isxdigit(static_cast<unsigned char>(path[i]));
  };
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (!is_hex(at + 1) || !is_hex(at + 2)) return false;
  }
  return true;
}

bool is_host(std::string_view host) {
  static constexpr std::string_view kOthers = "!$%&'()*+,-./:;=[]_~";
  return std::ranges::all_of(host, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || kOthers.find(c) != std::string_view::npos;
  });
}

/// What makes a request void whose syntax is right, or nothing.
std::string_view complaint(const http::request<http::string_body>& request) {
  const std::size_t hosts = request.count(http::field::host);
  if (request.version() == 11 && hosts == 0) return "400 Bad Request: missing required Host header";
  if (hosts > 1) return kBadRequest;  // for whom it is must not depend on who reads it
  if (!is_host(request[http::field::host])) return "400 Bad Request: malformed Host header";
  if (!is_target(request.target()) || !has_clear_end(request)) return kBadRequest;
  return {};
}

}  // namespace

RequestReader::Progress RequestReader::advance() {
  if (!parser_) {
    parser_.emplace();
    parser_->header_limit(
        static_cast<std::uint32_t>(std::min<std::size_t>(max_header_, std::numeric_limits<std::uint32_t>::max())));
    parser_->body_limit(max_body_);
    head_.clear();
  }
  bool go_on = false;
  while (!parser_->is_done()) {
    const bool in_head = !parser_->is_header_done();
    if (parser_->chunked() && buffer_ == kLastChunk) return go_on ? Progress::wants_go_on : Progress::more;
    boost::system::error_code error;
    const std::size_t used = parser_->put(boost::asio::buffer(buffer_), error);
    if (in_head) head_.append(buffer_, 0, used);
    buffer_.erase(0, used);
    // Beast bounds the head, but neither what follows the size of a chunk nor the fields behind the last one.
    if (error == http::error::need_more && buffer_.size() > max_header_) error = http::error::header_limit;
    if (error == http::error::need_more) return go_on ? Progress::wants_go_on : Progress::more;
    if (error) return fail(error);
    if (in_head && parser_->is_header_done()) {
      const auto& request = parser_->get();
      if (const std::string_view text = complaint(request); !text.empty()) return fail(400, text);
      go_on = boost::beast::iequals(request[http::field::expect], "100-continue");
    }
    if (used == 0 && buffer_.empty() && !parser_->is_done()) return go_on ? Progress::wants_go_on : Progress::more;
  }
  return Progress::done;
}

std::size_t RequestReader::held() const {
  return buffer_.size() + head_.size() + (parser_ ? parser_->get().body().size() : 0);
}

Request RequestReader::take() {
  auto& message = parser_->get();
  const auto field = [&](http::field name) { return std::string(message[name]); };
  const std::uint64_t length = parser_->content_length().value_or(0);
  Request request{.method = std::string(message.method_string()),
                  .target = std::string(message.target()),
                  .host = field(http::field::host),
                  .user_agent = field(http::field::user_agent),
                  .request_id = std::string(message["X-Request-Id"]),
                  .content_type = field(http::field::content_type),
                  .authorization = field(http::field::authorization),
                  .content_length = length,
                  .has_body = length != 0 || message.chunked(),
                  .keep_alive = message.keep_alive(),
                  .is_old = message.version() < 11,
                  .body = std::move(message.body())};
  parser_.reset();
  return request;
}

std::string RequestReader::take_raw() {
  std::string raw = std::exchange(head_, {});
  raw += buffer_;
  buffer_.clear();
  return raw;
}

RequestReader::Progress RequestReader::fail(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return fail(431, "431 Request Header Fields Too Large");
  if (error == http::error::body_limit) {
    refuse(error_response({}, 413, "Request Entity Too Large"));
    return Progress::failed;
  }
  return fail(400, kBadRequest);
}

/// What is not even HTTP is answered in plain text, as the original's server does.
RequestReader::Progress RequestReader::fail(unsigned status, std::string_view text) {
  refuse({.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = std::string(text),
          .headers = {},
          .error = std::string(text)});
  return Progress::failed;
}

}  // namespace tap::api
