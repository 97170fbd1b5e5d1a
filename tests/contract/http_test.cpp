// SPDX-License-Identifier: MIT
// The HTTP beneath the endpoints: connections, framing, bounds (protocol 11.1). The deadlines for slow clients are half
// a minute and more; tests/unit/api/server_test.cpp has them with shorter ones.
#include "contract/contract.hpp"
#include "contract/raw_http.hpp"

namespace tap::test {
namespace {

const std::string kHealth = "GET /health HTTP/1.1\r\nHost: tap\r\n\r\n";
const std::string kOk = "{\"status\":\"ok\"}\n";

class Http : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<SharedTap>();
    shared_->start({"--outbox-only"});
  }
  static void TearDownTestSuite() { shared_.reset(); }
  static HttpAnswer exchange(const std::string& request) {
    RawHttp client(shared_->port());
    client.send(request);
    return client.next();
  }
  static inline std::unique_ptr<SharedTap> shared_;
};

TEST_F(Http, KeepsConnectionsOpen) {
  RawHttp client(shared_->port());
  for (int i = 0; i < 3; ++i) {
    client.send(kHealth);
    EXPECT_EQ(client.next().body, kOk);
  }
}
TEST_F(Http, AnswersPipelinedRequestsInOrder) {
  RawHttp client(shared_->port());
  client.send(kHealth + "GET /nothing HTTP/1.1\r\nHost: tap\r\n\r\n" + kHealth);
  EXPECT_EQ(client.next().status, 200);
  EXPECT_EQ(client.next().status, 404);
  EXPECT_EQ(client.next().status, 200);
}
TEST_F(Http, ClosesWhenAsked) {
  RawHttp client(shared_->port());
  client.send("GET /health HTTP/1.1\r\nHost: tap\r\nConnection: close\r\n\r\n");
  const HttpAnswer answer = client.next();
  EXPECT_EQ(RawHttp::header(answer, "Connection"), "close");
  EXPECT_EQ(client.rest(), "");
}
TEST_F(Http, ClosesForHttp10) {
  RawHttp client(shared_->port());
  client.send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.next().body, kOk);
  EXPECT_EQ(client.rest(), "");
}
TEST_F(Http, StaysForHttp10WhenAskedAndSaysSo) {
  RawHttp client(shared_->port());
  for (int i = 0; i < 2; ++i) {
    client.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const HttpAnswer answer = client.next();
    EXPECT_EQ(RawHttp::header(answer, "Connection"), "keep-alive");
    EXPECT_EQ(answer.body, kOk);
  }
}
TEST_F(Http, SendsNoBodyToHeadSoThatTheNextAnswerFits) {
  RawHttp client(shared_->port());
  client.send("HEAD /health HTTP/1.1\r\nHost: tap\r\n\r\n" + kHealth);
  EXPECT_EQ(client.next(true).status, 405);
  EXPECT_EQ(client.next().body, kOk);
}
TEST_F(Http, ReadsBodiesInChunks) {
  const auto answer = exchange(
      "POST /repos/remove HTTP/1.1\r\nHost: tap\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      "8\r\n{\"dids\":\r\na\r\n[\"bogus\"]}\r\n0\r\n\r\n");
  EXPECT_EQ(answer.body, "{\"message\":\"invalid DID: bogus\"}\n");
}
TEST_F(Http, TellsAClientThatWaitsToGoOn) {
  RawHttp client(shared_->port());
  client.send(
      "POST /repos/remove HTTP/1.1\r\nHost: tap\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n\r\n");
  EXPECT_EQ(client.next().status, 100);
  client.send("{}");
  EXPECT_EQ(client.next().status, 200);
}
TEST_F(Http, RefusesWhatIsNoHttp) {
  RawHttp client(shared_->port());
  client.send("nonsense\r\n\r\n");
  const HttpAnswer answer = client.next();
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "400 Bad Request");
  EXPECT_EQ(client.rest(), "");
}
TEST_F(Http, RefusesARequestWithoutHost) {
  EXPECT_EQ(exchange("GET /health HTTP/1.1\r\n\r\n").body, "400 Bad Request: missing required Host header");
}
TEST_F(Http, RefusesAMalformedHost) {
  EXPECT_EQ(exchange("GET /health HTTP/1.1\r\nHost: a b\r\n\r\n").body, "400 Bad Request: malformed Host header");
}
TEST_F(Http, RefusesAnEscapeThatIsNone) {
  EXPECT_EQ(exchange("GET /info/%zz HTTP/1.1\r\nHost: tap\r\n\r\n").body, "400 Bad Request");
}
TEST_F(Http, AnswersHttp10AsSuch) {
  RawHttp client(shared_->port());
  client.send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.rest(), ::testing::StartsWith("HTTP/1.0 200 OK\r\n"));
}
TEST_F(Http, RefusesAHeadAbove64KiB) {
  const auto answer = exchange("GET /health HTTP/1.1\r\nHost: tap\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(answer.status, 431);
  EXPECT_EQ(answer.body, "431 Request Header Fields Too Large");
}
TEST_F(Http, TakesAHeadBelow64KiB) {
  EXPECT_EQ(exchange("GET /health HTTP/1.1\r\nHost: tap\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n").status, 200);
}
TEST_F(Http, RefusesABodyAbove8MiBByWhatIsAnnounced) {
  const auto answer = exchange(
      "POST /repos/add HTTP/1.1\r\nHost: tap\r\nContent-Type: application/json\r\nContent-Length: 8388609\r\n\r\n");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "{\"message\":\"Request Entity Too Large\"}\n");
}
TEST_F(Http, TakesABodyOf8MiB) {
  const std::string body = "{\"dids\":[]}" + std::string((8U << 20) - 11, ' ');
  const auto answer =
      exchange("POST /repos/remove HTTP/1.1\r\nHost: tap\r\nContent-Type: application/json\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(answer.status, 200);
}

struct Type {
  std::string row;
  std::string header;
  int status;
};
class ContentType : public Http, public ::testing::WithParamInterface<Type> {};
TEST_P(ContentType, IsTakenOrA415) {
  const auto answer =
      exchange("POST /repos/remove HTTP/1.1\r\nHost: tap\r\n" + GetParam().header + "Content-Length: 2\r\n\r\n{}");
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_EQ(answer.body, GetParam().status == 415 ? "{\"message\":\"Unsupported Media Type\"}\n" : "");
}
INSTANTIATE_TEST_SUITE_P(Of, ContentType,
                         ::testing::Values(Type{"json", "Content-Type: application/json\r\n", 200},
                                           Type{"json with charset",
                                                "Content-Type: application/json; charset=utf-8\r\n", 200},
                                           Type{"json in capitals", "Content-Type: Application/JSON\r\n", 415},
                                           Type{"none", "", 415}, Type{"text", "Content-Type: text/plain\r\n", 415},
                                           Type{"xml", "Content-Type: application/xml\r\n", 415},
                                           Type{"form", "Content-Type: application/x-www-form-urlencoded\r\n", 415}),
                         RowName());
TEST_F(Http, AsksNoTypeOfAnEmptyBody) {
  EXPECT_EQ(exchange("POST /repos/remove HTTP/1.1\r\nHost: tap\r\nContent-Length: 0\r\n\r\n").status, 200);
}

}  // namespace
}  // namespace tap::test
