// SPDX-License-Identifier: MIT
// What a client at /channel may say, and what becomes of it (protocol 11.3).
#include "contract/contract.hpp"
#include "contract/raw_http.hpp"
#include "support/ws_frames.hpp"

namespace tap::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::string_literals;

const std::string kHandshake =
    "GET /channel HTTP/1.1\r\nHost: tap\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

class Channel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<SharedTap>();
    shared_->start({"--outbox-only"});
  }
  static void TearDownTestSuite() { shared_.reset(); }
  static RawHttp shaken() {
    RawHttp client(shared_->port());
    client.send(kHandshake + "\r\n");
    EXPECT_EQ(client.next().status, 101);
    return client;
  }
  /// Nothing but the end comes back.
  static void expect_cut(const std::string& frame) {
    RawHttp client = shaken();
    client.send(frame);
    EXPECT_THAT(client.rest(), IsEmpty()) << "no close frame: the official client would not come back";
  }
  /// What comes back before the end, which the client makes with a close frame.
  static std::string answer_to(const std::string& frames) {
    RawHttp client = shaken();
    client.send(frames + frame({.first = 0x88, .payload = "\x03\xe8"s}));
    return client.rest();
  }
  static inline std::unique_ptr<SharedTap> shared_;
  static inline const std::string kEcho = "\x88\x02\x03\xe8"s;
};

struct Message {
  std::string row;
  std::string text;
};
class Cuts : public Channel, public ::testing::WithParamInterface<Message> {};
TEST_P(Cuts, WithoutACloseFrame) { expect_cut(text_frame(GetParam().text)); }
INSTANTIATE_TEST_SUITE_P(Message, Cuts,
                         ::testing::Values(Message{"no JSON", "nonsense"}, Message{"empty", ""}, Message{"list", "[]"},
                                           Message{"id is text", R"({"type":"ack","id":"1"})"},
                                           Message{"id is a float", R"({"type":"ack","id":1.5})"},
                                           Message{"id is negative", R"({"type":"ack","id":-1})"},
                                           Message{"id is a list", R"({"type":"ack","id":[1]})"},
                                           Message{"id above 64 bits", R"({"type":"ack","id":18446744073709551616})"},
                                           Message{"type is no text", R"({"type":7,"id":1})"}),
                         RowName());

class Ignores : public Channel, public ::testing::WithParamInterface<Message> {};
TEST_P(Ignores, AsText) { EXPECT_EQ(answer_to(text_frame(GetParam().text)), kEcho); }
TEST_P(Ignores, AsBinary) { EXPECT_EQ(answer_to(frame({.first = 0x82, .payload = GetParam().text})), kEcho); }
INSTANTIATE_TEST_SUITE_P(Message, Ignores,
                         ::testing::Values(Message{"null", "null"}, Message{"empty object", "{}"},
                                           Message{"no id", R"({"type":"ack"})"},
                                           Message{"other type", R"({"type":"hello","id":1})"},
                                           Message{"unknown id", R"({"type":"ack","id":999})"},
                                           Message{"largest id", R"({"type":"ack","id":18446744073709551615})"},
                                           Message{"data behind", R"({"type":"ack","id":1} and more)"},
                                           Message{"second value", R"({"type":"ack","id":1}{"type":"ack","id":2})"},
                                           Message{"invalid UTF-8", "{\"type\":\"a\xff\"}"}),
                         RowName());

class Violation : public Channel, public ::testing::WithParamInterface<Message> {};
TEST_P(Violation, CutsWithoutACloseFrame) { expect_cut(GetParam().text); }
INSTANTIATE_TEST_SUITE_P(
    Of, Violation,
    ::testing::Values(
        Message{"no mask", frame({.payload = "{}", .masked = false})},
        Message{"reserved bits", frame({.first = 0xf1, .payload = "{}"})},
        Message{"unknown opcode", frame({.first = 0x83, .payload = "{}"})},
        Message{"long ping",
                frame({.first = 0x89,
                       .payload = std::string_view("..................................................................."
                                                   "............................................................")})},
        Message{"fragmented ping", frame({.first = 0x09, .payload = "x"})},
        Message{"bad close code", frame({.first = 0x88, .payload = "\x03\xed"})},
        Message{"continuation of nothing", frame({.first = 0x80, .payload = "x"})}),
    RowName());

TEST_F(Channel, PingIsAnsweredWithItsPayload) {
  EXPECT_EQ(answer_to(frame({.first = 0x89, .payload = "hello"})), "\x8a\x05hello" + kEcho);
}
TEST_F(Channel, CloseIsEchoedWithItsCodeAndNoReason) {
  RawHttp client = shaken();
  client.send(frame({.first = 0x88,
                     .payload = "\x03\xe9"
                                "bye"}));
  EXPECT_EQ(client.rest(), "\x88\x02\x03\xe9"s);
}
TEST_F(Channel, EmptyCloseIsEchoedEmpty) {
  RawHttp client = shaken();
  client.send(frame({.first = 0x88, .payload = ""}));
  EXPECT_EQ(client.rest(), "\x88\x00"s);
}
TEST_F(Channel, HasNoSubprotocolAndNoCompression) {
  RawHttp client(shared_->port());
  client.send(kHandshake + "Sec-WebSocket-Protocol: tap\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
  const HttpAnswer answer = client.next();
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(RawHttp::header(answer, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_THAT(answer.head, Not(HasSubstr("Sec-WebSocket-Protocol")));
  EXPECT_THAT(answer.head, Not(HasSubstr("Sec-WebSocket-Extensions")));
}
TEST_F(Channel, BadHandshakeIsA400InText) {
  RawHttp client(shared_->port());
  client.send("GET /channel HTTP/1.1\r\nHost: tap\r\n\r\n");
  const HttpAnswer answer = client.next();
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "Bad Request\n");
  EXPECT_EQ(RawHttp::header(answer, "Sec-Websocket-Version"), "13");
}

struct Origin {
  std::string row;
  std::string header;
  int status;
};
class OriginOf : public Channel, public ::testing::WithParamInterface<Origin> {};
TEST_P(OriginOf, PageIsJudged) {
  RawHttp client(shared_->port());
  client.send(kHandshake + GetParam().header + "\r\n");
  EXPECT_EQ(client.next().status, GetParam().status);
}
INSTANTIATE_TEST_SUITE_P(A, OriginOf,
                         ::testing::Values(Origin{"program that is no page", "", 101},
                                           Origin{"page of the same host", "Origin: http://tap\r\n", 101},
                                           Origin{"page of another host", "Origin: https://evil.example\r\n", 403},
                                           Origin{"page of another port", "Origin: http://tap:81\r\n", 403},
                                           Origin{"page without a host", "Origin: null\r\n", 403}),
                         RowName());

class Sharing : public TapTest {};
TEST_F(Sharing, EachEventGoesToExactlyOneOfSeveralClients) {
  start();
  Consumer first(port(), log_);
  Consumer second(port(), log_);
  for (std::uint64_t i = 1; i <= 6; ++i) {
    Account account(i);
    account.fill(30);
    publish(account);
    track(account);
  }
  log_.wait_for_count(6 * 31);
  await_undelivered(0);
  EXPECT_EQ(ids_of(log_.all()).size(), log_.all().size());
}
TEST_F(Sharing, AckCountsOnAnyConnectionAndMoreThanOnce) {
  start();
  Consumer& silent = consume({.acks = false});
  Account account(1);
  account.fill(1);
  publish(account);
  track(account);
  silent.wait_for_count(1);
  Consumer other(port(), log_, {.acks = false});
  other.ack(1);
  other.ack(1);
  other.ack(77);
  log_.wait_for_count(2);
  EXPECT_EQ(ids_of(log_.all()).size(), 2U);
}
TEST_F(Sharing, UnackedEventsOfAClientThatLeavesGoToTheNext) {
  start();
  Consumer& silent = consume({.acks = false});
  Account account(1);
  account.fill(1);
  publish(account);
  track(account);
  silent.wait_for_count(1);
  silent.cut();
  Consumer next(port(), log_);
  next.wait_for_count(2);
  EXPECT_EQ(next.received().front().text, silent.received().front().text);
}

}  // namespace
}  // namespace tap::test
