// SPDX-License-Identifier: MIT
#include "tap/net/http_client.hpp"

#include "net/connection.hpp"
#include "net/idle_pool.hpp"
#include "net/inflater.hpp"
#include "net/request_head.hpp"
#include "net/response_reader.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace tap::net {
namespace {

using boost::beast::iequals;

/// Of answers that are no success: enough to tell why.
constexpr std::uint64_t kMaxErrorBody = 64 << 10;

bool is_idempotent(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

/// An untrusted request must not get a connection that was made without the guard.
std::string place_of(const Request& request) {
  return (request.trust == Trust::untrusted ? "untrusted " : "trusted ") + request.url.origin();
}

bool is_redirect(const Response& response) {
  const int s = response.status;
  return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) && !response.header("location").empty();
}

/// What is to be asked next, by the redirect rules of the contract.
Result<Request> follow(Request request, const Response& response) {
  if (request.redirects-- == 0) return fail(Errc::too_many_redirects, request.url.origin());
  auto next = request.url.resolve(response.header("location"));
  if (!next) return fail(Errc::bad_response, "redirect: " + next.error().message());
  if (request.url.tls() && !next->tls()) return fail(Errc::bad_response, "redirect from https to http");
  if (next->host != request.url.host) request.trust = Trust::untrusted;
  if (next->origin() != request.url.origin()) {
    next->userinfo.clear();
    std::erase_if(request.headers, [](const auto& header) {
      return iequals(header.first, "Authorization") || iequals(header.first, "Cookie");
    });
  }
  request.url = std::move(*next);
  return request;
}

/// Undoes gzip where the answer says so and counts what comes out.
class Body {
 public:
  Body(std::uint64_t limit, const HttpClient::BodySink& sink) : left_(limit), sink_(sink) {}

  Task<Result<void>> pass(ResponseReader& reader, const Response& response) {
    const std::string& encoding = response.header("content-encoding");
    const bool gzip = iequals(encoding, "gzip") || iequals(encoding, "x-gzip");
    if (!gzip && !encoding.empty() && !iequals(encoding, "identity")) {
      co_return fail(Errc::bad_response, "content-encoding " + encoding);
    }
    if (!gzip && reader.length() > left_) co_return fail(Errc::too_large, std::to_string(*reader.length()) + " bytes");
    if (gzip) co_return co_await pass_gzip(reader);
    for (;;) {
      auto piece = co_await reader.read_piece();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) co_return Result<void>{};
      if (auto given = co_await give(*piece); !given) co_return given;
    }
  }

 private:
  Task<Result<void>> pass_gzip(ResponseReader& reader) {
    Inflater inflater;
    bool any = false;
    for (;;) {
      auto piece = co_await reader.read_piece();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty() && any && !inflater.finished()) co_return fail(Errc::cut, "in the middle of the gzip stream");
      if (piece->empty()) co_return Result<void>{};
      any = true;
      inflater.feed(*piece);
      for (;;) {
        auto plain = inflater.next();
        if (!plain) co_return std::unexpected(plain.error());
        if (plain->empty()) break;
        if (auto given = co_await give(*plain); !given) co_return given;
      }
    }
  }

  Task<Result<void>> give(ByteView piece) {
    if (piece.size() > left_) co_return fail(Errc::too_large, "body");
    left_ -= piece.size();
    co_return co_await sink_(piece);
  }

  std::uint64_t left_;
  const HttpClient::BodySink& sink_;
};

class Client final : public HttpClient {
 public:
  Client(Resolver& resolver, ClientOptions options)
      : options_(std::move(options)),
        connector_(resolver, options_),
        idle_(options_.idle_connections, options_.idle_per_origin) {}

  Task<Result<Response>> send(Request request) override { return stream(std::move(request), {}); }

  Task<Result<Response>> stream(Request request, BodySink sink) override {
    const auto limit = request.timeout;
    return within(limit, Errc::timed_out, exchange(std::move(request), std::move(sink)));
  }

 private:
  /// Follows the redirects.
  Task<Result<Response>> exchange(Request request, BodySink sink) {
    const bool follows = request.redirects > 0 && is_idempotent(request);
    request.headers.emplace_back("Accept-Encoding", "gzip");
    for (;;) {
      auto response = co_await ask(request, sink);
      if (!response || !follows || !is_redirect(*response)) co_return response;
      auto next = follow(std::move(request), *response);
      if (!next) co_return std::unexpected(next.error());
      request = std::move(*next);
    }
  }

  /// One hop. The peer may close an idle connection in the moment that we use it: then nothing was answered, and what
  /// may be asked twice is asked again on a fresh one.
  Task<Result<Response>> ask(const Request& request, const BodySink& sink) {
    bool heard = false;
    if (auto connection = idle_.take(place_of(request), std::chrono::steady_clock::now())) {
      auto response = co_await converse(request, sink, std::move(connection), heard);
      const bool stale = !response && response.error() == Errc::cut && !heard;
      if (!stale || !is_idempotent(request)) co_return response;
    }
    auto connection = co_await connector_.connect(request.url, request.trust, request.names);
    if (!connection) co_return std::unexpected(connection.error());
    co_return co_await converse(request, sink, std::move(*connection), heard);
  }

  Task<Result<Response>> converse(const Request& request, const BodySink& sink, std::unique_ptr<Connection> connection,
                                  bool& heard) {
    auto head = request_head(request, options_.user_agent);
    if (!head) co_return std::unexpected(head.error());
    // One write: the peer's first packet holds the whole of a small request.
    const std::string message = *head + request.body;
    if (auto written = co_await connection->write(as_bytes(message)); !written) {
      co_return std::unexpected(written.error());
    }
    ResponseReader reader(*connection, request.idle);
    auto response = co_await reader.read_head(request.method == "HEAD");
    heard = reader.heard();
    if (!response) co_return response;
    if (auto read = co_await read_body(request, sink, reader, *response); !read) {
      co_return std::unexpected(read.error());
    }
    if (reader.is_reusable()) idle_.put(place_of(request), std::move(connection), std::chrono::steady_clock::now());
    co_return response;
  }

  Task<Result<void>> read_body(const Request& request, const BodySink& sink, ResponseReader& reader,
                               Response& response) {
    if (response.ok() && sink) co_return co_await Body(request.max_body, sink).pass(reader, response);
    const BodySink collect = [&response](ByteView piece) -> Task<Result<void>> {
      response.body += as_text(piece);
      co_return Result<void>{};
    };
    auto read = co_await Body(response.ok() ? request.max_body : kMaxErrorBody, collect).pass(reader, response);
    // The status is the news there; what can be had of its body comes along.
    if (!response.ok() && !read && read.error().code().category() == make_error_code(Errc::cut).category()) {
      co_return Result<void>{};
    }
    co_return read;
  }

  ClientOptions options_;
  Connector connector_;
  IdlePool idle_;
};

}  // namespace

const std::string& Response::header(const std::string& lower_case_name) const {
  static const std::string kNone;
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? kNone : found->second;
}

std::unique_ptr<HttpClient> make_http_client(Resolver& resolver, ClientOptions options) {
  return std::make_unique<Client>(resolver, std::move(options));
}

}  // namespace tap::net
