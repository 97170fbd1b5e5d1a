// SPDX-License-Identifier: MIT
#pragma once

#include "tap/net/http_client.hpp"

#include "support/loop.hpp"
#include "support/net/http_server.hpp"
#include "support/net_fakes.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace tap::net {

/// A client against a scripted server. The names host.test and other.test lead to it, like 127.0.0.1.
class HttpTest : public testing::Test {
 protected:
  HttpTest() {
    for (const std::string name : {"127.0.0.1", "host.test", "other.test"}) resolve(name, {"127.0.0.1"});
  }

  void resolve(const std::string& name, const std::vector<std::string>& addresses) {
    std::vector<boost::asio::ip::address> all;
    for (const std::string& address : addresses) all.push_back(boost::asio::ip::make_address(address));
    resolver_.hosts.insert_or_assign(name, std::move(all));
  }

  /// What the server answers, in order; the last for ever.
  void script(std::deque<test::Reply> replies) {
    server_.thread().call([&] { replies_ = std::move(replies); });
  }
  [[nodiscard]] test::HttpRequest last_request() {
    return server_.thread().call([&] { return last_request_; });
  }

  HttpClient& client(ClientOptions options = {.user_agent = "tap/test", .allow_private_hosts = true}) {
    if (!client_) client_ = make_http_client(resolver_, std::move(options));
    return *client_;
  }

  [[nodiscard]] Url url(const std::string& target = "/", const std::string& host = "127.0.0.1") const {
    return *Url::parse("http://" + host + ":" + std::to_string(server_.port()) + target);
  }
  Result<Response> get(const std::string& target = "/") { return send({.url = url(target)}); }
  Result<Response> send(Request request) { return loop_.run(client().send(std::move(request))); }
  /// "status body" or the error's text without its detail.
  std::string outcome(Request request) {
    const auto response = send(std::move(request));
    return response ? std::to_string(response->status) + " " + response->body : response.error().code().message();
  }
  static std::string text_of(Errc error) { return make_error_code(error).message(); }

  test::Loop loop_;
  test::FakeResolver resolver_{loop_.executor()};
  std::deque<test::Reply> replies_{{}};
  test::HttpRequest last_request_;
  test::HttpServer server_{[this](const test::HttpRequest& request) {
    last_request_ = request;
    test::Reply reply = replies_.front();
    if (replies_.size() > 1) replies_.pop_front();
    return reply;
  }};
  std::unique_ptr<HttpClient> client_;
};

}  // namespace tap::net
