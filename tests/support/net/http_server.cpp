// SPDX-License-Identifier: MIT
#include "support/net/http_server.hpp"

#include "tap/async/event.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace tap::test {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPiece = 16 << 10;

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ec == std::errc{}) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

HttpRequest request_of(const http::request<http::string_body>& message) {
  HttpRequest request{
      .method = std::string(message.method_string()), .path = {}, .query = {}, .headers = {}, .body = message.body()};
  const std::string_view target(message.target().data(), message.target().size());
  const std::size_t mark = target.find('?');
  request.path = percent_decode(target.substr(0, mark));
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    const std::size_t equals = pair.find('=');
    request.query[percent_decode(pair.substr(0, equals))] =
        equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
  }
  for (const auto& field : message) {
    request.headers[lower({field.name_string().data(), field.name_string().size()})] = std::string(field.value());
  }
  return request;
}

std::string head_of(const Reply& reply) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  if (reply.framing == Framing::chunked) head += "Transfer-Encoding: chunked\r\n";
  if (reply.framing == Framing::length) head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  if (!reply.keep_alive || reply.framing == Framing::until_close) head += "Connection: close\r\n";
  return head + "\r\n";
}

Task<bool> write(tcp::socket& socket, std::string bytes) {
  const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes), kAsTuple);
  co_return !error;
}

}  // namespace

std::string HttpRequest::header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string() : found->second;
}

Reply xrpc_error(int status, const std::string& name, const std::string& message) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = R"({"error":")" + name + R"(","message":")" + message + R"("})"};
}

void reset(tcp::socket& socket) {
  boost::system::error_code ignored;  // it may be gone already
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

std::string gzip(const std::string& plain) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

HttpServer::HttpServer(Handler handler)
    : handler_(std::move(handler)), acceptor_(thread_.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  port_ = acceptor_.local_endpoint().port();
  thread_.call([this] { thread_.spawn("accept", accept()); });
}

std::size_t HttpServer::connections() {
  return thread_.call([this] { return accepted_; });
}
std::size_t HttpServer::open_connections() {
  return thread_.call([this] { return open_.size(); });
}
std::size_t HttpServer::requests() {
  return thread_.call([this] { return requests_; });
}
std::size_t HttpServer::body_bytes() {
  return thread_.call([this] { return body_bytes_; });
}
bool HttpServer::wait_for_hanging(std::size_t count) {
  return thread_.wait_until([this, count] { return hanging_ >= count; });
}

void HttpServer::drop_connections() {
  thread_.call([this] {
    boost::system::error_code ignored;
    for (const auto& socket : open_) socket->close(ignored);
  });
}

Task<void> HttpServer::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(kAsTuple);
    if (error) continue;
    ++accepted_;
    socket.set_option(tcp::no_delay(true));
    thread_.spawn("serve", serve(std::make_shared<tcp::socket>(std::move(socket))));
    thread_.changed();
  }
}

Task<void> HttpServer::serve(std::shared_ptr<tcp::socket> socket) {
  struct Open {
    HttpServer& server;
    std::list<std::shared_ptr<tcp::socket>>::iterator place;
    ~Open() {
      server.open_.erase(place);
      server.thread_.changed();
    }
  } open{*this, open_.insert(open_.end(), socket)};
  boost::beast::flat_buffer buffer;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(64 << 20);
    const auto [error, size] = co_await http::async_read(*socket, buffer, parser, kAsTuple);
    if (error) co_return;
    ++requests_;
    const HttpRequest request = request_of(parser.get());
    thread_.changed();
    if (!co_await answer(socket, request, handler_(request))) co_return;
  }
}

/// False when the connection is to end.
Task<bool> HttpServer::answer(std::shared_ptr<tcp::socket> connection, const HttpRequest& request, Reply reply) {
  if (reply.takeover) {
    co_await reply.takeover(std::move(connection));
    co_return false;
  }
  tcp::socket& socket = *connection;
  if (!reply.raw.empty()) co_return co_await write(socket, std::move(reply.raw));
  if (reply.fault == Fault::hang) {
    co_await hang(socket);
    co_return false;
  }
  if (reply.fault == Fault::cut) {
    reset(socket);
    co_return false;
  }
  if (reply.gzip && request.header("accept-encoding").find("gzip") != std::string::npos) {
    reply.body = gzip(reply.body);
    reply.headers.emplace_back("Content-Encoding", "gzip");
  }
  if (reply.source) reply.framing = Framing::chunked;
  if (!co_await write(socket, head_of(reply))) co_return false;
  if (request.method == "HEAD") co_return true;
  if (!co_await send_body(socket, reply, reply.framing == Framing::chunked)) co_return false;
  co_return reply.keep_alive&& reply.framing != Framing::until_close;
}

Task<bool> HttpServer::send_body(tcp::socket& socket, const Reply& reply, bool chunked) {
  const bool faulty = reply.fault != Fault::none;
  const std::string_view body = std::string_view(reply.body).substr(0, faulty ? reply.fault_at : reply.body.size());
  for (std::size_t at = 0; at < body.size(); at += kPiece) {
    if (reply.pause.count() > 0) co_await async::sleep_for(reply.pause);
    if (!co_await send_piece(socket, body.substr(at, kPiece), chunked)) co_return false;
  }
  std::size_t sent = 0;
  while (reply.source && (!faulty || sent < reply.fault_at)) {
    const std::string piece = reply.source();
    if (piece.empty()) break;
    sent += piece.size();
    if (!co_await send_piece(socket, piece, chunked)) co_return false;
  }
  if (reply.fault == Fault::hang_in_body) co_await hang(socket);
  if (reply.fault == Fault::cut_in_body) {
    // In order, so that what was sent arrives: the client must notice by itself that more was due.
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }
  if (faulty) co_return false;
  co_return !chunked || co_await write(socket, "0\r\n\r\n");
}

Task<bool> HttpServer::send_piece(tcp::socket& socket, std::string_view piece, bool chunked) {
  std::string bytes(piece);
  if (chunked) {
    char size[17];
    const auto end = std::to_chars(size, size + sizeof size, piece.size(), 16).ptr;
    bytes = std::string(size, end) + "\r\n" + bytes + "\r\n";
  }
  const bool sent = co_await write(socket, std::move(bytes));
  body_bytes_ += piece.size();
  co_return sent;
}

Task<void> HttpServer::hang(tcp::socket& socket) {
  struct Held {
    HttpServer& server;
    explicit Held(HttpServer& s) : server(s) {
      ++server.hanging_;
      server.thread_.changed();
    }
    ~Held() { --server.hanging_; }
  } held(*this);
  char byte;
  co_await socket.async_read_some(asio::buffer(&byte, 1), kAsTuple);
}

}  // namespace tap::test
