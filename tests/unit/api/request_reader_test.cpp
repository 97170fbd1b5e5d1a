// SPDX-License-Identifier: MIT
#include "api/request_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace tap::api {
namespace {

using Progress = RequestReader::Progress;

std::unique_ptr<RequestReader> reader_with(std::string_view bytes) {
  auto reader = std::make_unique<RequestReader>(1'000, 100);
  reader->received(bytes);
  return reader;
}

/// What comes out of bytes that arrive in pieces of this size.
Request cut(std::string_view bytes, std::size_t piece) {
  RequestReader reader(1'000, 100);
  Progress progress = Progress::more;
  while (progress == Progress::more && !bytes.empty()) {
    reader.received(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    progress = reader.advance();
  }
  EXPECT_EQ(progress, Progress::done) << piece;
  return progress == Progress::done ? reader.take() : Request{};
}

TEST(RequestReader, ARequestComesOutHoweverItsBytesAreCut) {
  constexpr std::string_view kText =
      "POST /repos/add?pretty HTTP/1.1\r\nHost: tap\r\nUser-Agent: ua\r\nX-Request-ID: 7\r\n"
      "Content-Type: application/json\r\nAuthorization: Basic x\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t piece = 1; piece <= kText.size(); ++piece) {
    const Request request = cut(kText, piece);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/repos/add?pretty");
    EXPECT_EQ(request.path(), "/repos/add");
    EXPECT_TRUE(request.parameter("pretty"));
    EXPECT_FALSE(request.parameter("prett"));
    EXPECT_EQ(request.host + request.user_agent + request.request_id + request.authorization, "tapua7Basic x");
    EXPECT_EQ(request.content_type, "application/json");
    EXPECT_EQ(request.content_length, 5);
    EXPECT_TRUE(request.keep_alive && request.has_body);
    EXPECT_EQ(request.body, "hello");
  }
}

TEST(RequestReader, ABodyEndsHoweverItsBytesAreCut) {
  const std::string head = "POST / HTTP/1.1\r\nHost: t\r\n";
  for (const std::string& text :
       {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n00\r\nX: y\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n", head + "Content-Length: 3\r\n\r\n0\r\n"}) {
    const std::string body = cut(text, text.size()).body;
    EXPECT_TRUE(body.empty() || body == "0\r\n");
    for (std::size_t piece = 1; piece < text.size(); ++piece) EXPECT_EQ(cut(text, piece).body, body) << text;
  }
}

TEST(RequestReader, RequestsMayFollowEachOtherWithoutAWait) {
  auto reader = reader_with(
      "POST /a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      "GET /b HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\nrest");
  ASSERT_EQ(reader->advance(), Progress::done);
  const Request first = reader->take();
  EXPECT_EQ(first.body, "abcde");
  EXPECT_TRUE(first.has_body);
  ASSERT_EQ(reader->advance(), Progress::done);
  const Request second = reader->take();
  EXPECT_EQ(second.target, "/b");
  EXPECT_FALSE(second.keep_alive || second.has_body);
  EXPECT_EQ(reader->take_raw(), "GET /b HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\nrest");
}

TEST(RequestReader, AbsoluteTargetsHaveAPathToo) {
  Request request;
  request.target = "http://tap:2480/info/did:plc:a?x";
  EXPECT_EQ(request.path(), "/info/did:plc:a");
  request.target = "http://tap:2480";
  EXPECT_EQ(request.path(), "");
  request.target = "/resolve/x://y";
  EXPECT_EQ(request.path(), "/resolve/x://y");
}

TEST(RequestReader, AClientThatWaitsIsToldToGoOnOnce) {
  auto reader = reader_with("POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(reader->advance(), Progress::wants_go_on);
  reader->received("o");
  EXPECT_EQ(reader->advance(), Progress::more);
  reader->received("k");
  ASSERT_EQ(reader->advance(), Progress::done);
  EXPECT_EQ(reader->take().body, "ok");
}

TEST(RequestReader, HeadsAndBodiesHaveALimit) {
  auto reader = reader_with("GET / HTTP/1.1\r\nHost: t\r\nX: " + std::string(1'000, 'x'));
  ASSERT_EQ(reader->advance(), Progress::failed);
  EXPECT_EQ(reader->failure().status, 431);
  EXPECT_EQ(reader->failure().body, "431 Request Header Fields Too Large");

  reader = reader_with("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 101\r\n\r\n");
  ASSERT_EQ(reader->advance(), Progress::failed);
  EXPECT_EQ(reader->failure().status, 413);
  EXPECT_EQ(reader->failure().body, "{\"message\":\"Request Entity Too Large\"}\n");

  reader =
      reader_with("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x'));
  ASSERT_EQ(reader->advance(), Progress::failed);
  EXPECT_EQ(reader->failure().status, 413);
}

TEST(RequestReader, WhatStandsBetweenChunksHasALimitToo) {
  const std::string head = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& text : {head + "1;" + std::string(2'000, 'x'), head + "0\r\nX: " + std::string(2'000, 'x'),
                                  head + "0\r\n" + std::string(500, 'x') + ": y\r\n" + std::string(600, 'x')}) {
    auto reader = reader_with(text);
    ASSERT_EQ(reader->advance(), Progress::failed) << text.substr(0, 100);
    EXPECT_EQ(reader->failure().status, 431);
  }
}

TEST(RequestReader, ItIsNeverInDoubtWhereARequestEnds) {
  for (const char* headers :
       {"Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: -1\r\n",
        "Content-Length: 18446744073709551616\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "Transfer-Encoding: chunked\xea\r\n"}) {
    auto reader = reader_with("POST / HTTP/1.1\r\nHost: t\r\n" + std::string(headers) + "\r\nabc");
    ASSERT_EQ(reader->advance(), Progress::failed) << headers;
    EXPECT_EQ(reader->failure().status, 400);
  }
  auto reader = reader_with("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(reader->advance(), Progress::failed) << "HTTP/1.0 knows no chunks";
}

TEST(RequestReader, TwoHostsAreABadRequest) {
  auto reader = reader_with("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  ASSERT_EQ(reader->advance(), Progress::failed);
  EXPECT_EQ(reader->failure().body, "400 Bad Request");
}

TEST(RequestReader, WhatIsNotHttpIsABadRequest) {
  for (const char* text :
       {"hello\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\nHost t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"}) {
    auto reader = reader_with(text);
    ASSERT_EQ(reader->advance(), Progress::failed) << text;
    EXPECT_EQ(reader->failure().status, 400);
    EXPECT_EQ(reader->failure().body, "400 Bad Request");
    EXPECT_EQ(reader->failure().content_type, "text/plain; charset=utf-8");
  }
  auto reader = reader_with("GET / HTTP/1.1\r\n\r\n");
  ASSERT_EQ(reader->advance(), Progress::failed);
  EXPECT_EQ(reader->failure().body, "400 Bad Request: missing required Host header");
  reader = reader_with("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reader->advance(), Progress::done);
}

}  // namespace
}  // namespace tap::api
