// SPDX-License-Identifier: MIT
#include "api/connection.hpp"

#include "tap/async/timeout.hpp"
#include "tap/base/log.hpp"

#include "api/access_log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace tap::api {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
constexpr std::size_t kPiece = 16 << 10;
constexpr std::chrono::milliseconds kLinger{500};
constexpr std::string_view kLate = "not done in time: it may still be done, and it is safe to ask again";
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

ApiMetrics::ApiMetrics(metrics::Registry& registry)
    : connections(registry.gauge("tap_http_connections", "Open connections of the HTTP API, consumers not included")),
      requests(registry.counter("tap_http_requests_total", "Requests answered")),
      failed_requests(registry.counter("tap_http_request_failures_total", "Requests answered with 500 or above")) {}

void Load::add(std::int64_t bytes) {
  held_ += bytes;
  gauge_.set(held_);
}

bool Load::Share::is(std::size_t bytes) {
  load_.add(static_cast<std::int64_t>(bytes) - bytes_);
  bytes_ = static_cast<std::int64_t>(bytes);
  return bytes <= load_.small_ || std::cmp_less_equal(load_.held_, load_.most_);
}

Connection::Connection(asio::ip::tcp::socket socket, std::string remote, Router& router, deliver::ChannelHub& channel,
                       const ServerOptions& options, ApiMetrics& metrics, Load& load)
    : socket_(std::move(socket)),
      remote_(std::move(remote)),
      router_(router),
      channel_(channel),
      options_(options),
      metrics_(metrics),
      load_(load),
      reader_(options.max_header, options.max_body),
      piece_(kPiece, '\0'),
      answered_(socket_.get_executor()) {}

Task<void> Connection::run() {
  auto limit = options_.request_timeout;
  while (co_await wait_for_bytes(limit)) {
    busy_ = true;
    const bool more = co_await serve_one();
    busy_ = false;
    if (!more || last_) break;
    limit = options_.idle_timeout;
  }
  cut();
}

void Connection::cut() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Connection::finish() {
  last_ = true;
  if (!busy_) cut();
}

/// Of the next request; false when none come.
Task<bool> Connection::wait_for_bytes(std::chrono::milliseconds limit) {
  if (reader_.has_bytes()) co_return true;
  const auto received = co_await async::with_timeout(receive(), limit);
  co_return received.value_or(false);
}

Task<Result<bool>> Connection::receive() {
  const auto [error, size] = co_await socket_.async_read_some(asio::buffer(piece_), kTuple);
  if (error) co_return false;
  reader_.received(std::string_view(piece_).substr(0, size));
  co_return true;
}

/// False when it cannot be answered but with the reader's failure.
Task<Result<bool>> Connection::read_request(Load::Share& share) {
  for (;;) {
    switch (reader_.advance()) {
      case RequestReader::Progress::done:
        co_return true;
      case RequestReader::Progress::failed:
        co_return false;
      case RequestReader::Progress::wants_go_on:
        if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n")) co_return fail(Errc::connection_lost);
        [[fallthrough]];
      case RequestReader::Progress::more:
        if (const auto received = co_await receive(); !received.value_or(false)) co_return fail(Errc::connection_lost);
    }
    if (!share.is(reader_.held())) {
      reader_.refuse(error_response({}, 503, "too many large requests at once"));
      co_return false;
    }
  }
}

/// Reads a request and answers it; true when another may follow.
Task<bool> Connection::serve_one() {
  const auto begun = Clock::now();
  Load::Share share(load_);
  const auto read = co_await async::with_timeout(read_request(share), options_.request_timeout);
  if (!read) co_return false;
  if (!*read) {
    write_log({}, reader_.failure(), Clock::now() - begun);
    if (co_await send(serialize({}, reader_.failure(), false, http_date()))) co_await linger();
    co_return false;
  }
  const Request request = reader_.take();
  response_.reset();
  async::TaskGroup work(socket_.get_executor(), [this](auto, const auto&) { answered_.notify_all(); });
  work.spawn("request", ask_router(request));
  const bool late = !co_await is_answered_in_time(work);
  const Response response = late ? error_response(request, 503, kLate) : std::move(*response_);
  write_log(request, response, Clock::now() - begun);
  const bool more = co_await respond(request, response, late);
  // What the database has accepted cannot be taken back: it goes on, and keeps its share of the memory.
  if (late) cut();
  co_await work.join();
  co_return more;
}

Task<void> Connection::ask_router(Request request) {
  response_ = co_await router_.answer(std::move(request));
  answered_.notify_all();
}

/// Rethrows what ended the work before it had an answer.
Task<bool> Connection::is_answered_in_time(async::TaskGroup& work) {
  const auto deadline = Clock::now() + options_.answer_timeout;
  while (!response_ && work.size() > 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) co_return false;
    (void)co_await answered_.wait_for(left);
  }
  if (!response_) co_await work.join();
  co_return true;
}

/// True when another request may follow.
Task<bool> Connection::respond(const Request& request, const Response& response, bool late) {
  if (response.upgrade) {
    channel_.accept({std::move(socket_), reader_.take_raw(), remote_});
    co_return false;
  }
  const bool stays = request.keep_alive && !last_ && !late;
  if (!co_await send(serialize(request, response, stays, http_date()))) co_return false;
  if (!stays) co_await linger();
  co_return stays;
}

Task<bool> Connection::send(std::string bytes) {
  const auto write = [](asio::ip::tcp::socket& socket, std::string_view text) -> Task<Result<bool>> {
    const auto [error, size] = co_await asio::async_write(socket, asio::buffer(text), kTuple);
    co_return !error;
  };
  const auto sent = co_await async::with_timeout(write(socket_, bytes), options_.request_timeout);
  co_return sent.value_or(false);
}

/// Closed with bytes unread, a socket resets the connection, and the client may never see the answer: what it still
/// sends is read for a moment, and dropped.
Task<void> Connection::linger() {
  boost::system::error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  const auto drain = [](asio::ip::tcp::socket& socket, std::string& piece) -> Task<Result<bool>> {
    for (;;) {
      const auto [failure, size] = co_await socket.async_read_some(asio::buffer(piece), kTuple);
      if (failure) co_return true;
    }
  };
  const auto drained = co_await async::with_timeout(drain(socket_, piece_), kLinger);
  static_cast<void>(drained);
}

void Connection::write_log(const Request& request, const Response& response, std::chrono::nanoseconds latency) {
  metrics_.requests.add();
  if (response.status >= 500) metrics_.failed_requests.add();
  const bool has_body = request.method != "HEAD";
  log::write_line(
      access_line(log::now_rfc3339(), remote_, request, response, latency, has_body ? response.body.size() : 0));
}

}  // namespace tap::api
