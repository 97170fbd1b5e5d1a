// SPDX-License-Identifier: MIT
#include "tap/async/timeout.hpp"

#include "http_fixture.hpp"

#include <gmock/gmock.h>

namespace tap::net {
namespace {

using namespace std::chrono_literals;
using test::Fault;
using test::Framing;
using test::Reply;

class HttpClientTest : public HttpTest {
 protected:
  /// Collects what the sink is given.
  HttpClient::BodySink sink() {
    return [this](ByteView piece) -> Task<Result<void>> {
      body_ += as_text(piece);
      ++pieces_;
      co_return Result<void>{};
    };
  }
  Result<Response> stream(Request request) { return loop_.run(client().stream(std::move(request), sink())); }

  std::string body_;
  std::size_t pieces_ = 0;
};

TEST_F(HttpClientTest, SendsARequestAndReadsItsAnswer) {
  script({{.status = 201, .headers = {{"X-One", "1"}, {"X-ONE", "2"}}, .body = "hello"}});
  const auto response = send(
      {.method = "POST", .url = url("/a/b?c=d%20e"), .headers = {{"Content-Type", "text/plain"}}, .body = "question"});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->header("x-one"), "2");
  EXPECT_EQ(response->header("x-two"), "");
  const test::HttpRequest request = last_request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/a/b");
  EXPECT_EQ(request.query.at("c"), "d e");
  EXPECT_EQ(request.body, "question");
  EXPECT_EQ(request.header("content-type"), "text/plain");
  EXPECT_EQ(request.header("user-agent"), "tap/test");
  EXPECT_EQ(request.header("host"), url().authority());
  EXPECT_EQ(request.header("accept-encoding"), "gzip");
}

TEST_F(HttpClientTest, SendsTheCredentialsOfTheUrl) {
  Url with_password = url();
  with_password.userinfo = "admin:s3cret";
  ASSERT_TRUE(send({.url = with_password}));
  EXPECT_EQ(last_request().header("authorization"), "Basic YWRtaW46czNjcmV0");
}

TEST_F(HttpClientTest, RefusesToSendAHeaderOfTwoLines) {
  EXPECT_EQ(outcome({.url = url(), .headers = {{"X", "a\r\nHost: b"}}}), text_of(Errc::bad_url));
  EXPECT_EQ(outcome({.url = url().with_target("/a b")}), text_of(Errc::bad_url));
}

TEST_F(HttpClientTest, EveryStatusIsAnAnswer) {
  script({test::xrpc_error(429, "RateLimitExceeded"), {.status = 503, .body = "busy"}});
  EXPECT_EQ(outcome({.url = url()}), R"(429 {"error":"RateLimitExceeded","message":""})");
  EXPECT_EQ(outcome({.url = url()}), "503 busy");
}

TEST_F(HttpClientTest, ReadsEveryFraming) {
  for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
    script({{.body = std::string(100'000, 'x'), .framing = framing}});
    EXPECT_EQ(outcome({.url = url()}), "200 " + std::string(100'000, 'x'));
  }
}

TEST_F(HttpClientTest, PassesOverInterimAnswers) {
  script({{.raw = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}});
  EXPECT_EQ(outcome({.url = url()}), "200 ok");
}

TEST_F(HttpClientTest, OnlySoManyInterimAnswersArePassedOver) {
  std::string hints;
  for (int i = 0; i < 8; ++i) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  const std::string last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  script({{.raw = hints + last}});
  EXPECT_EQ(outcome({.url = url()}), "200 ok");
  script({{.raw = hints + "HTTP/1.1 103 Early Hints\r\n\r\n" + last}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::bad_response));
}

TEST_F(HttpClientTest, AnswersWithoutBodyEndAtOnce) {
  script(
      {{.raw = "HTTP/1.1 204 No Content\r\n\r\n"}, {.raw = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"}});
  EXPECT_EQ(outcome({.url = url()}), "204 ");
  EXPECT_EQ(outcome({.url = url()}), "304 ");
  script({{.body = "not sent"}});
  EXPECT_EQ(outcome({.method = "HEAD", .url = url()}), "200 ");
}

TEST_F(HttpClientTest, UndoesGzipAndCountsWhatComesOut) {
  const std::string plain(3'000'000, 'z');
  script({{.body = plain, .framing = Framing::chunked, .gzip = true}});
  EXPECT_EQ(outcome({.url = url(), .max_body = plain.size()}), "200 " + plain);
  EXPECT_EQ(outcome({.url = url(), .max_body = plain.size() - 1}), text_of(Errc::too_large));
}

TEST_F(HttpClientTest, AnEncodingThatNobodyAskedForIsMalformed) {
  script({{.headers = {{"Content-Encoding", "br"}}, .body = "x"}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::bad_response));
  script({{.headers = {{"Content-Encoding", "gzip"}}, .body = "no gzip"}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::bad_response));
}

TEST_F(HttpClientTest, ABodyAboveTheLimitIsTooLarge) {
  for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
    script({{.body = std::string(100'001, 'x'), .framing = framing}});
    EXPECT_EQ(outcome({.url = url(), .max_body = 100'000}), text_of(Errc::too_large));
    EXPECT_EQ(outcome({.url = url(), .max_body = 100'001}), "200 " + std::string(100'001, 'x'));
  }
}

TEST_F(HttpClientTest, ALongErrorPageStillTellsItsStatus) {
  script(
      {{.status = 404, .body = std::string(200'000, 'x')}, {.status = 502, .headers = {{"Content-Encoding", "br"}}}});
  const auto response = send({.url = url(), .max_body = 2048});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(outcome({.url = url()}), "502 ");
}

TEST_F(HttpClientTest, OfAnErrorPageWithoutAnEndLittleIsReadHoweverLargeAGoodAnswerMayBe) {
  script({{.status = 500, .source = [] { return std::string(16 << 10, 'x'); }}});
  const auto response = stream({.url = url(), .max_body = 8 << 20});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 500);
  EXPECT_FALSE(response->body.empty());
  EXPECT_LE(response->body.size(), 64u << 10);
  EXPECT_EQ(pieces_, 0u);
}

TEST_F(HttpClientTest, StreamsALargeBodyInSmallPieces) {
  constexpr std::size_t kPieces = 320;  // of 1 MiB: above every default limit of Beast
  script({{.source = [left = kPieces]() mutable { return left == 0 ? "" : (--left, std::string(1 << 20, 'c')); }}});
  std::size_t total = 0;
  std::size_t largest = 0;
  const auto response = loop_.run(client().stream({.url = url(), .timeout = 60s, .max_body = kPieces << 20},
                                                  [&](ByteView piece) -> Task<Result<void>> {
                                                    total += piece.size();
                                                    largest = std::max(largest, piece.size());
                                                    co_return Result<void>{};
                                                  }));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(total, kPieces << 20);
  EXPECT_LE(largest, 64u << 10);
  EXPECT_EQ(response->body, "");
}

TEST_F(HttpClientTest, JoinsSmallChunks) {
  std::string raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string chunk(static_cast<std::size_t>(i % 3 + 1), static_cast<char>('a' + i % 26));
    raw += std::to_string(chunk.size()) + "\r\n" + chunk + "\r\n";
    expected += chunk;
  }
  script({{.raw = raw + "0\r\nTrailer: x\r\n\r\n"}});
  ASSERT_TRUE(stream({.url = url()}));
  EXPECT_EQ(body_, expected);
  EXPECT_LT(pieces_, 200u);
}

TEST_F(HttpClientTest, OnlySuccessIsStreamed) {
  script({{.status = 400, .body = "no"}, {.body = "yes"}});
  const auto refused = stream({.url = url()});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->body, "no");
  EXPECT_EQ(body_, "");
  ASSERT_TRUE(stream({.url = url()}));
  EXPECT_EQ(body_, "yes");
}

TEST_F(HttpClientTest, TheSinksWaitHoldsThePeer) {
  script({{.source = [left = 64]() mutable { return left == 0 ? "" : (--left, std::string(1 << 20, 'c')); }}});
  test::Gate gate(loop_.executor());
  gate.close();
  std::size_t taken = 0;
  auto started =
      loop_.start(client().stream({.url = url(), .max_body = 64 << 20}, [&](ByteView piece) -> Task<Result<void>> {
        co_await gate.pass();
        taken += piece.size();
        co_return Result<void>{};
      }));
  loop_.run_until([&] { return gate.waiting() == 1; });
  // Turns enough for all of it, if anybody but the kernel's buffers took it.
  for (int turn = 0; turn < 2000; ++turn) {
    loop_.settle();
    ASSERT_LT(server_.body_bytes(), 32u << 20);
  }
  gate.open();
  loop_.run_until([&] { return started.done(); });
  EXPECT_TRUE(started.take());
  EXPECT_EQ(taken, 64u << 20);
}

TEST_F(HttpClientTest, AnErrorOfTheSinkEndsTheExchange) {
  script({{.body = std::string(1'000'000, 'x')}});
  const auto response = loop_.run(client().stream({.url = url()}, [](ByteView) -> Task<Result<void>> {
    co_return fail(std::make_error_code(std::errc::no_space_on_device));
  }));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), std::errc::no_space_on_device);
}

TEST_F(HttpClientTest, ABodyThatEndsEarlyIsCut) {
  for (const Framing framing : {Framing::length, Framing::chunked}) {
    script({{.body = std::string(50'000, 'x'), .framing = framing, .fault = Fault::cut_in_body, .fault_at = 20'000}});
    EXPECT_EQ(outcome({.url = url()}), text_of(Errc::cut));
  }
  script({{.raw = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
                  "10\r\n\r\n\x1f\x8b\x08\x01\x01\x01\x01\x01\x01\x01"},
          {.raw = "HTTP/1.1 200"}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::cut)) << "the gzip stream is not complete";
}

TEST_F(HttpClientTest, AConnectionThatEndsBeforeTheAnswerIsCut) {
  script({{.fault = Fault::cut}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::cut));
}

TEST_F(HttpClientTest, MalformedAnswersAreNamedSo) {
  for (const std::string raw : {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    script({{.raw = raw}});
    EXPECT_EQ(outcome({.url = url()}), text_of(Errc::bad_response)) << raw;
  }
}

TEST_F(HttpClientTest, HeadersAboveTheLimitAreTooLarge) {
  script(
      {{.headers = {{"X", std::string(20'000, 'x')}}, .body = "ok"}, {.headers = {{"X", std::string(40'000, 'x')}}}});
  EXPECT_EQ(outcome({.url = url()}), "200 ok");
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::too_large));
  script({{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(100'000, 'e')}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::too_large)) << "a chunk's extensions";
}

TEST_F(HttpClientTest, SilenceIsIdleBeforeAndInTheBody) {
  script({{.fault = Fault::hang}, {.body = "12345", .fault = Fault::hang_in_body, .fault_at = 3}});
  EXPECT_EQ(outcome({.url = url(), .idle = 20ms}), text_of(Errc::idle));
  EXPECT_EQ(outcome({.url = url(), .idle = 20ms}), text_of(Errc::idle));
}

TEST_F(HttpClientTest, TheDeadlineCoversTheWholeExchange) {
  script({{.fault = Fault::hang},
          {.body = "12345", .fault = Fault::hang_in_body, .fault_at = 3},
          {.body = std::string(10 << 20, 'x'), .pause = 10ms}});
  EXPECT_EQ(outcome({.url = url(), .timeout = 20ms}), text_of(Errc::timed_out));
  EXPECT_EQ(outcome({.url = url(), .timeout = 20ms}), text_of(Errc::timed_out));
  EXPECT_EQ(outcome({.url = url(), .timeout = 50ms, .max_body = 10 << 20}), text_of(Errc::timed_out))
      << "a trickle is no excuse";
}

TEST_F(HttpClientTest, TheDeadlineCoversALookUpThatHangs) {
  resolver_.gate.close();
  EXPECT_EQ(outcome({.url = url(), .timeout = 20ms}), text_of(Errc::timed_out));
}

TEST_F(HttpClientTest, ACancelledRequestClosesItsConnection) {
  script({{.fault = Fault::hang}});
  test::Background background(loop_, [](HttpClient& client, Url url) -> Task<void> {
    co_await client.send({.url = std::move(url)});
  }(client(), url()));
  loop_.run_until([&] { return server_.connections() == 1; });
  ASSERT_TRUE(server_.wait_for_hanging(1));
  background.stop();
  EXPECT_TRUE(server_.thread().wait_until([&] { return server_.open_connections() == 0; }));
}

}  // namespace
}  // namespace tap::net
