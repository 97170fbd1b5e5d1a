// SPDX-License-Identifier: MIT
#include "net/response_reader.hpp"

#include <algorithm>

namespace tap::net {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxHeader = 32 << 10;
constexpr std::size_t kBuffer = 64 << 10;
/// 100 Continue, 103 Early Hints: nobody needs more of them.
constexpr int kMaxInterim = 8;

Error error_of(const boost::system::error_code& error) {
  const bool large = error == http::error::header_limit || error == http::error::body_limit;
  return {large ? Errc::too_large : Errc::bad_response, error.message()};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

ResponseReader::ResponseReader(Connection& connection, std::chrono::milliseconds idle)
    : connection_(connection), idle_(idle), buffer_(kBuffer) {}

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
      if (auto stepped = co_await step(); !stepped) co_return std::unexpected(stepped.error());
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
  parser_->get().body() = {};
  while (!parser_->is_done() && parser_->get().body().empty()) {
    if (auto stepped = co_await step(); !stepped) co_return std::unexpected(stepped.error());
  }
  co_return parser_->get().body();
}

bool ResponseReader::is_reusable() const { return parser_->is_done() && parser_->keep_alive() && begin_ == end_; }

std::optional<std::uint64_t> ResponseReader::length() const {
  const auto length = parser_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

/// Feeds the parser what there is, or waits for more.
Task<Result<void>> ResponseReader::step() {
  boost::system::error_code error = http::error::need_more;
  if (begin_ != end_) {
    begin_ += parser_->put(boost::asio::buffer(buffer_.data() + begin_, end_ - begin_), error);
    if (!error) co_return Result<void>{};
    if (error != http::error::need_more) co_return std::unexpected(error_of(error));
  }
  co_return co_await fill();
}

Task<Result<void>> ResponseReader::fill() {
  // Only a head or a chunk's header wants bytes in one piece: one that does not fit is no honest one.
  if (end_ - begin_ == buffer_.size()) co_return fail(Errc::too_large, "chunk header");
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  end_ -= std::exchange(begin_, 0);
  auto size = co_await within(idle_, Errc::idle, connection_.read_some(std::span(buffer_).subspan(end_)));
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
