// SPDX-License-Identifier: MIT
#include "net/response_reader.hpp"

#include "tap/base/text.hpp"

#include <algorithm>
#include <cstring>

namespace tap::net {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxHeader = 32 << 10;
constexpr std::size_t kBuffer = 64 << 10;
/// 100 Continue, 103 Early Hints: nobody needs more of them.
constexpr int kMaxInterim = 8;
/// Alone, it is given to the parser with what comes behind it: Beast 1.81 asserts that it does not see it twice.
constexpr std::string_view kLastChunk = "0\r\n";

Error error_of(const boost::system::error_code& error) {
  const bool large = error == http::error::header_limit || error == http::error::body_limit;
  return {large ? Errc::too_large : Errc::bad_response, error.message()};
}

}  // namespace

ResponseReader::ResponseReader(Connection& connection, std::chrono::milliseconds idle)
    : connection_(connection), idle_(idle), buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kBuffer)) {}

void ResponseReader::start(bool bodiless) {
  parser_.emplace();
  parser_->header_limit(kMaxHeader);
  parser_->body_limit(boost::none);  // counted where it is known what the bytes are: after decompression
  parser_->skip(bodiless);
}

Task<Result<Response>> ResponseReader::read_head(bool bodiless) {
  for (int interim = 0;; ++interim) {
    start(bodiless);
    while (!parser_->is_header_done()) {
      const auto parsed = parse();
      if (!parsed) co_return std::unexpected(parsed.error());
      if (*parsed) continue;
      if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
    }
    const unsigned status = parser_->get().result_int();
    if (status >= 200 || status == 101) break;
    if (interim == kMaxInterim) co_return fail(Errc::bad_response, "only interim answers");
  }
  Response response{.status = static_cast<int>(parser_->get().result_int())};
  for (const auto& field : parser_->get()) response.headers[lower(field.name_string())] = field.value();
  co_return response;
}

Task<Result<ByteView>> ResponseReader::read_piece() {
  std::uint8_t* piece = nullptr;
  std::size_t size = 0;
  while (!parser_->is_done()) {
    parser_->get().body() = {};
    const auto parsed = parse();
    if (!parsed) co_return std::unexpected(parsed.error());
    if (const ByteView part = parser_->get().body(); !part.empty()) {
      // Parts lie in the buffer with chunk headers between them, so each can move up to the one before.
      if (size == 0) piece = buffer_.get() + (part.data() - buffer_.get());
      std::memmove(piece + size, part.data(), part.size());
      size += part.size();
    }
    if (*parsed) continue;
    if (size > 0) break;
    if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
  }
  co_return ByteView(piece, size);
}

bool ResponseReader::is_reusable() const { return parser_->is_done() && parser_->keep_alive() && begin_ == end_; }

std::optional<std::uint64_t> ResponseReader::length() const {
  const auto length = parser_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

/// Takes a step through what has come; false when more must come first.
Result<bool> ResponseReader::parse() {
  const ByteView received(buffer_.get() + begin_, end_ - begin_);
  if (received.empty() || (parser_->chunked() && as_text(received) == kLastChunk)) return false;
  boost::system::error_code error;
  begin_ += parser_->put(boost::asio::buffer(received.data(), received.size()), error);
  if (error && error != http::error::need_more) return std::unexpected(error_of(error));
  return !error;
}

Task<Result<void>> ResponseReader::fill() {
  // Only a head or a chunk's header wants bytes in one piece: one that does not fit is no honest one.
  if (end_ - begin_ == kBuffer) co_return fail(Errc::too_large, "chunk header");
  std::copy(buffer_.get() + begin_, buffer_.get() + end_, buffer_.get());
  end_ -= std::exchange(begin_, 0);
  auto size = co_await within(idle_, Errc::idle, connection_.read_some({buffer_.get() + end_, kBuffer - end_}));
  if (!size) co_return std::unexpected(size.error());
  end_ += *size;
  heard_ = heard_ || *size > 0;
  if (*size > 0) co_return Result<void>{};
  if (!parser_->got_some()) co_return fail(Errc::cut, "no answer");
  boost::system::error_code error;
  parser_->put_eof(error);
  if (error) co_return fail(Errc::cut, "in the middle of the answer");
  co_return Result<void>{};
}

}  // namespace tap::net
