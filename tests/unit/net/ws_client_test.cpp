// SPDX-License-Identifier: MIT
#include "tap/net/ws_client.hpp"

#include "support/loop.hpp"
#include "support/net/relay_server.hpp"
#include "support/net/tls_front.hpp"
#include "support/net/ws_wire.hpp"
#include "support/net_fakes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace tap::net {
namespace {

using namespace std::chrono_literals;
using test::RelayServer;
using test::server_frame;

const std::string kTarget = "/xrpc/com.atproto.sync.subscribeRepos";

class WsClient : public testing::Test {
 protected:
  WsClient() {
    resolver_.hosts.insert_or_assign("127.0.0.1", std::vector{boost::asio::ip::make_address("127.0.0.1")});
    resolver_.hosts.insert_or_assign("host.test", std::vector{boost::asio::ip::make_address("127.0.0.1")});
    connector_ = make_ws_connector(resolver_, {.user_agent = "tap/test"});
  }

  Result<std::unique_ptr<WsStream>> try_connect(WsOptions options = {}, Response* refused = nullptr,
                                                const std::string& target = kTarget) {
    return loop_.run(connector_->connect(Url::parse(relay_.url())->with_target(target), options, refused));
  }
  std::unique_ptr<WsStream> connect(WsOptions options = {}) {
    auto stream = try_connect(options);
    if (!stream) throw std::runtime_error(stream.error().message());
    EXPECT_TRUE(relay_.wait_for_subscribers(++connected_));
    return std::move(*stream);
  }
  /// The message, or the error's text without its detail.
  std::string read(WsStream& stream) {
    const auto message = loop_.run(stream.read());
    return message ? std::string(as_text(*message)) : message.error().code().message();
  }
  static std::string text_of(Errc error) { return make_error_code(error).message(); }
  void push(const std::string& message) { relay_.push(++seq_, as_bytes(message)); }

  test::Loop loop_;
  test::FakeResolver resolver_{loop_.executor()};
  RelayServer relay_;
  std::unique_ptr<WsConnector> connector_;
  std::size_t connected_ = 0;
  std::int64_t seq_ = 0;
};

TEST_F(WsClient, ReadsMessagesInOrder) {
  auto stream = connect();
  push("one");
  push(std::string(300'000, '2'));
  push("");
  EXPECT_EQ(read(*stream), "one");
  EXPECT_EQ(read(*stream), std::string(300'000, '2'));
  EXPECT_EQ(read(*stream), "");
}

TEST_F(WsClient, SaysWhetherMoreIsBuffered) {
  auto stream = connect();
  EXPECT_FALSE(stream->has_buffered());
  relay_.send_raw(server_frame(2, as_bytes("one")) + server_frame(2, as_bytes("two")) +
                  server_frame(2, as_bytes("three")).substr(0, 4));
  EXPECT_EQ(read(*stream), "one");
  EXPECT_TRUE(stream->has_buffered());
  EXPECT_EQ(read(*stream), "two");
  EXPECT_FALSE(stream->has_buffered());
}

TEST_F(WsClient, TakesMessagesThatComeWithTheHandshake) {
  push("early");
  auto stream = try_connect({}, nullptr, kTarget + "?cursor=0");
  ASSERT_TRUE(stream);
  EXPECT_EQ(read(**stream), "early");
}

TEST_F(WsClient, JoinsFragments) {
  auto stream = connect();
  relay_.send_raw(server_frame(2, as_bytes("a"), false) + server_frame(9, {}) + server_frame(0, as_bytes("b")));
  EXPECT_EQ(read(*stream), "ab");
}

TEST_F(WsClient, ACloseFrameIsClosedAndItsReasonIsTold) {
  auto stream = connect();
  push("last");
  relay_.close_all(1008, "too slow");
  EXPECT_EQ(read(*stream), "last");
  const auto closed = loop_.run(stream->read());
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error(), Errc::closed);
  EXPECT_EQ(closed.error().detail(), "1008 too slow");
  EXPECT_EQ(read(*stream), text_of(Errc::closed)) << "every later read too";
}

TEST_F(WsClient, AConnectionThatJustEndsIsCut) {
  auto stream = connect();
  relay_.cut();
  EXPECT_EQ(read(*stream), text_of(Errc::cut));
}

TEST_F(WsClient, AFrameThatEndsEarlyIsCut) {
  auto stream = connect();
  relay_.cut_in_frame(as_bytes("never complete"));
  EXPECT_EQ(read(*stream), text_of(Errc::cut));
}

TEST_F(WsClient, ATextMessageIsMalformed) {
  auto stream = connect();
  relay_.send_raw(server_frame(1, as_bytes("{}")));
  EXPECT_EQ(read(*stream), text_of(Errc::bad_frame));
}

TEST_F(WsClient, AMessageAboveTheLimitIsTooLargeAndPassedOver) {
  auto stream = connect({.max_message = 1000});
  push(std::string(1000, 'x'));
  push(std::string(60'000, 'x'));
  push("next");
  EXPECT_EQ(read(*stream), std::string(1000, 'x'));
  EXPECT_EQ(read(*stream), text_of(Errc::too_large));
  EXPECT_EQ(read(*stream), "next");
}

TEST_F(WsClient, ABreachOfTheProtocolIsMalformed) {
  auto stream = connect();
  relay_.send_raw("HTTP/1.1 500 Oops\r\n\r\n");
  EXPECT_EQ(read(*stream), text_of(Errc::bad_frame));
}

TEST_F(WsClient, AnswersPings) {
  auto stream = connect();
  relay_.send_raw(server_frame(9, as_bytes("1")) + server_frame(9, as_bytes("2")) + server_frame(2, as_bytes("x")));
  EXPECT_EQ(read(*stream), "x");
  loop_.run_until([&] { return relay_.pongs() == 2; });
}

TEST_F(WsClient, PingsAndStaysWhileThePeerAnswers) {
  auto stream = connect({.ping_interval = 5ms, .idle_limit = 2s});
  auto reading = loop_.start(stream->read());
  loop_.run_until([&] { return relay_.pings() >= 5; });
  EXPECT_FALSE(reading.done());
  push("still here");
  loop_.run_until([&] { return reading.done(); });
  EXPECT_TRUE(reading.take());
}

TEST_F(WsClient, APeerThatAnswersNothingIsIdle) {
  relay_.stall(true);  // silent behind the handshake
  auto stream = connect({.ping_interval = 5ms, .idle_limit = 30ms});
  EXPECT_EQ(read(*stream), text_of(Errc::idle));
  EXPECT_GE(relay_.pings(), 1u);
}

TEST_F(WsClient, TheTimeInWhichNobodyReadsIsNotThePeersSilence) {
  auto stream = connect({.ping_interval = 5ms, .idle_limit = 30ms});
  loop_.run_until([&] { return relay_.pings() >= 10; });  // 50 ms, all pongs unread
  push("patient");
  EXPECT_EQ(read(*stream), "patient");
}

TEST_F(WsClient, CloseEndsAPendingRead) {
  auto stream = connect();
  auto reading = loop_.start(stream->read());
  stream->close();
  loop_.run_until([&] { return reading.done(); });
  const auto ended = reading.take();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error(), Errc::closed);
  EXPECT_TRUE(relay_.wait_for_subscribers(0));
}

TEST_F(WsClient, DestructionClosesTheConnection) {
  connect().reset();
  loop_.settle();
  EXPECT_TRUE(relay_.wait_for_subscribers(0));
}

TEST_F(WsClient, ARefusalIsToldWithStatusHeadersAndBody) {
  relay_.refuse(429, {{"Retry-After", "7"}});
  Response refused;
  const auto stream = try_connect({}, &refused);
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error(), Errc::upgrade_refused);
  EXPECT_EQ(stream.error().detail(), "HTTP 429");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "7");
  EXPECT_EQ(refused.body, "refused");
  relay_.refuse(503);
  EXPECT_EQ(try_connect().error(), Errc::upgrade_refused) << "nobody has to ask why";
}

class WsHandshake : public WsClient {
 protected:
  /// What comes of a server that answers with this.
  std::string outcome(test::Reply reply, WsOptions options = {}) {
    test::HttpServer server([&](const test::HttpRequest& request) {
      EXPECT_EQ(request.header("upgrade"), "websocket");
      EXPECT_EQ(request.header("sec-websocket-version"), "13");
      EXPECT_EQ(request.header("user-agent"), "tap/test");
      return reply;
    });
    const auto stream = loop_.run(connector_->connect(*Url::parse(server.url()), options, nullptr));
    return stream ? "connected" : stream.error().code().message();
  }
};

TEST_F(WsHandshake, ThatProvesNothingIsMalformed) {
  EXPECT_EQ(outcome({.raw = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"}),
            text_of(Errc::bad_response));
  EXPECT_EQ(outcome({.raw = "HTTP/1.1 101 Switching Protocols\r\n\r\n"}), text_of(Errc::bad_response));
}

TEST_F(WsHandshake, ThatHangsMeetsItsDeadline) {
  EXPECT_EQ(outcome({.fault = test::Fault::hang}, {.handshake_timeout = 30ms}), text_of(Errc::timed_out));
}

TEST_F(WsHandshake, SaysThatTheDeadlinePassedThoughTheLoopWasHeldUpForLong) {
  std::atomic<bool> asked = false;
  test::HttpServer server([&](const test::HttpRequest&) {
    asked = true;
    return test::Reply{.fault = test::Fault::hang};
  });
  auto connecting = loop_.start(connector_->connect(*Url::parse(server.url()), {.handshake_timeout = 30ms}, nullptr));
  loop_.run_until([&] { return asked || connecting.done(); });
  std::this_thread::sleep_for(120ms);  // nothing else runs on the loop meanwhile
  loop_.run_until([&] { return connecting.done(); });
  EXPECT_EQ(connecting.take().error(), Errc::timed_out);
}

TEST_F(WsHandshake, CoversTheLookUp) {
  resolver_.gate.close();
  EXPECT_EQ(try_connect({.handshake_timeout = 30ms}).error(), Errc::timed_out);
}

TEST_F(WsClient, SpeaksTls) {
  const auto certificate = test::make_certificate("DNS:host.test");
  const auto ca_file = std::filesystem::temp_directory_path() / ("tap-wss-test-" + std::to_string(::getpid()) + ".pem");
  std::ofstream(ca_file) << certificate.certificate_pem;
  const auto connector = make_ws_connector(resolver_, {.ca_file = ca_file});
  std::filesystem::remove(ca_file);
  test::TlsFront front(certificate, relay_.server().port());
  const auto url = Url::parse("https://host.test:" + std::to_string(front.port()) + kTarget);
  auto stream = loop_.run(connector->connect(*url, {.ping_interval = 2ms}, nullptr));
  ASSERT_TRUE(stream) << stream.error().message();
  ASSERT_TRUE(relay_.wait_for_subscribers(1));
  // Pings leave while the read waits: both directions of one TLS stream.
  auto reading = loop_.start((*stream)->read());
  loop_.run_until([&] { return relay_.pings() >= 5; });
  push("secret");
  loop_.run_until([&] { return reading.done(); });
  EXPECT_EQ(as_text(*reading.take()), "secret");
}

}  // namespace
}  // namespace tap::net
