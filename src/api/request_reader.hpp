// SPDX-License-Identifier: MIT
#pragma once

#include "api/http.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tap::api {

/// Reads requests out of the bytes of a connection. Does no I/O.
class RequestReader {
 public:
  enum class Progress : std::uint8_t {
    more,         ///< needs more bytes
    wants_go_on,  ///< the same, and the client waits for a 100 Continue
    done,         ///< take() it
    failed,       ///< answer with failure() and close
  };

  RequestReader(std::size_t max_header, std::size_t max_body) : max_header_(max_header), max_body_(max_body) {}

  void received(std::string_view bytes) { buffer_ += bytes; }
  /// Whether bytes are there that belong to no request yet.
  [[nodiscard]] bool has_bytes() const { return !buffer_.empty(); }
  /// Bytes in memory.
  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] Progress advance();
  /// The request; the next one may follow.
  [[nodiscard]] Request take();
  /// The head of the request taken last and everything behind it, for a connection that ceases to be HTTP.
  [[nodiscard]] std::string take_raw();
  [[nodiscard]] const Response& failure() const { return failure_; }
  /// It is to be answered with this instead, as a failure.
  void refuse(Response answer) { failure_ = std::move(answer); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  [[nodiscard]] Progress fail(const boost::system::error_code& error);
  [[nodiscard]] Progress fail(unsigned status, std::string_view text);

  std::size_t max_header_;
  std::size_t max_body_;
  std::string buffer_;
  std::string head_;  // as received, of the request under way
  std::optional<Parser> parser_;
  Response failure_;
};

}  // namespace tap::api
