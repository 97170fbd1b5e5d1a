// SPDX-License-Identifier: MIT
#pragma once

#include "tap/net/http_client.hpp"
#include "tap/net/resolver.hpp"
#include "tap/net/ws_client.hpp"

#include "support/loop.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tap::test {

/// Answers by URL, as the test has written them; another URL cannot be connected to. A request takes its answer when it
/// comes, then waits at the gate: what the test writes meanwhile is for later ones.
class FakeHttp final : public net::HttpClient {
 public:
  explicit FakeHttp(Executor loop) : gate(std::move(loop)) {}

  Gate gate;
  std::vector<net::Request> requests;
  std::size_t piece = 16 << 10;                                      ///< bytes that a sink is given at once
  std::function<std::optional<int>(const net::Request&)> status_of;  ///< the status, whatever the URL's answer says

  void answer(const std::string& url, int status, std::string body = {},
              std::map<std::string, std::string> headers = {}) {
    answers_.insert_or_assign(url, net::Response{status, std::move(headers), std::move(body)});
  }
  void fail_with(const std::string& url, net::Errc error) { answers_.insert_or_assign(url, tap::fail(error)); }
  /// How often this URL was asked for.
  [[nodiscard]] std::ptrdiff_t asked(const std::string& url) const {
    return std::ranges::count_if(requests, [&](const net::Request& request) { return text_of(request.url) == url; });
  }

  [[nodiscard]] Task<Result<net::Response>> send(net::Request request) override {
    const std::size_t limit = request.max_body;
    auto answer = take_answer(std::move(request));
    co_await gate.pass();
    if (answer && answer->body.size() > limit) co_return tap::fail(net::Errc::too_large);
    co_return answer;
  }
  [[nodiscard]] Task<Result<net::Response>> stream(net::Request request, BodySink sink) override {
    const std::size_t limit = request.max_body;
    auto answer = take_answer(std::move(request));
    co_await gate.pass();
    if (!answer || !answer->ok()) co_return answer;
    const std::string body = std::exchange(answer->body, {});
    for (std::size_t at = 0; at < body.size(); at += piece) {
      if (at >= limit) co_return tap::fail(net::Errc::too_large);
      auto taken = co_await sink(as_bytes(std::string_view(body).substr(at, piece)));
      if (!taken) co_return std::unexpected(taken.error());
    }
    co_return answer;
  }

 private:
  static std::string text_of(const net::Url& url) { return url.origin() + url.target; }
  Result<net::Response> take_answer(net::Request request) {
    const auto found = answers_.find(text_of(request.url));
    const auto status = status_of ? status_of(request) : std::nullopt;
    requests.push_back(std::move(request));
    if (status) return net::Response{.status = *status, .headers = {}, .body = {}};
    if (found == answers_.end()) return tap::fail(net::Errc::connect_failed, "the test has no answer for it");
    return found->second;
  }
  std::map<std::string, Result<net::Response>> answers_;
};

/// Names as the test has written them; others do not exist.
class FakeResolver final : public net::Resolver {
 public:
  explicit FakeResolver(Executor loop) : gate(std::move(loop)) {}

  Gate gate;
  std::map<std::string, Result<std::vector<std::string>>> texts;
  std::map<std::string, Result<std::vector<boost::asio::ip::address>>> hosts;
  std::vector<std::string> asked;  ///< names of TXT queries

  [[nodiscard]] Task<Result<std::vector<std::string>>> txt(std::string name) override {
    asked.push_back(name);
    co_await gate.pass();
    const auto found = texts.find(name);
    if (found == texts.end()) co_return tap::fail(net::Errc::not_found);
    co_return found->second;
  }
  [[nodiscard]] Task<Result<std::vector<boost::asio::ip::address>>> addresses(std::string host, net::Names) override {
    co_await gate.pass();
    const auto found = hosts.find(host);
    if (found == hosts.end()) co_return tap::fail(net::Errc::not_found);
    co_return found->second;
  }
};

/// A WebSocket server that the test speaks for. It takes every connection that it was not told to refuse.
class FakeRelay final : public net::WsConnector {
 public:
  /// One connection, kept after its end.
  struct Connection {
    explicit Connection(Executor loop) : arrival(std::move(loop)) {}
    net::Url url;
    std::deque<Bytes> frames;  ///< sent, not read yet
    std::size_t read = 0;      ///< frames that were taken
    bool too_large = false;    ///< the next read passes over a message
    Error ending;              ///< once set, what reads after the last frame get
    async::Event arrival;
  };

  explicit FakeRelay(Executor loop) : loop_(std::move(loop)) {}

  std::vector<std::shared_ptr<Connection>> connections;  ///< shared with the streams, which may end earlier
  std::size_t attempts = 0;

  /// The next connection gets an HTTP answer instead.
  void refuse(int status, std::map<std::string, std::string> headers = {}) {
    refusals_.push_back({status, std::move(headers), {}});
  }
  /// Onto the newest connection.
  void send(Bytes frame) {
    connections.back()->frames.push_back(std::move(frame));
    connections.back()->arrival.notify_all();
  }
  void send_too_large() {
    connections.back()->too_large = true;
    connections.back()->arrival.notify_all();
  }
  void end(net::Errc error) {
    connections.back()->ending = error;
    connections.back()->arrival.notify_all();
  }

  [[nodiscard]] Task<Result<std::unique_ptr<net::WsStream>>> connect(net::Url url, net::WsOptions,
                                                                     net::Response* refused) override {
    ++attempts;
    if (!refusals_.empty()) {
      net::Response answer = std::move(refusals_.front());
      refusals_.pop_front();
      Error error(net::Errc::upgrade_refused, "HTTP " + std::to_string(answer.status));
      if (refused != nullptr) *refused = std::move(answer);
      co_return std::unexpected(std::move(error));
    }
    connections.push_back(std::make_shared<Connection>(loop_));
    connections.back()->url = std::move(url);
    co_return std::make_unique<Stream>(connections.back());
  }

 private:
  class Stream final : public net::WsStream {
   public:
    explicit Stream(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    [[nodiscard]] Task<Result<ByteView>> read() override {
      while (connection_->frames.empty()) {
        if (std::exchange(connection_->too_large, false)) co_return tap::fail(net::Errc::too_large);
        if (connection_->ending.code()) co_return std::unexpected(connection_->ending);
        co_await connection_->arrival.wait();
      }
      frame_ = std::move(connection_->frames.front());
      connection_->frames.pop_front();
      ++connection_->read;
      co_return ByteView(frame_);
    }
    [[nodiscard]] bool has_buffered() const override { return !connection_->frames.empty(); }
    void close() override {
      connection_->ending = net::Errc::closed;
      connection_->arrival.notify_all();
    }

   private:
    std::shared_ptr<Connection> connection_;
    Bytes frame_;
  };

  Executor loop_;
  std::deque<net::Response> refusals_;
};

}  // namespace tap::test
