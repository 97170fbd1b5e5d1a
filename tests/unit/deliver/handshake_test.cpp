// SPDX-License-Identifier: MIT
#include "deliver/handshake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tap::deliver {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The example of RFC 6455, with one line replaced or added.
std::string request(std::string_view without = "", std::string_view with = "",
                    std::string_view first = "GET /channel HTTP/1.1") {
  std::string out = std::string(first) + "\r\n";
  for (const std::string_view line : {"Host: tap.example:2480", "Upgrade: websocket", "Connection: Upgrade",
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}) {
    if (without.empty() || !line.starts_with(without)) out += std::string(line) + "\r\n";
  }
  if (!with.empty()) out += std::string(with) + "\r\n";
  return out + "\r\n";
}

constexpr std::string_view kBadRequest =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Sec-Websocket-Version: 13\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Length: 12\r\n"
    "Connection: close\r\n"
    "\r\n"
    "Bad Request\n";

TEST(Handshake, TheExampleOfTheStandardIsAnsweredAsItSays) {
  const std::string head = request();
  const Handshake handshake = shake_hands(head + "\x81\x80mask");
  EXPECT_TRUE(handshake.accepted);
  EXPECT_EQ(handshake.head, head.size());
  EXPECT_EQ(handshake.response,
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "\r\n");
}

TEST(Handshake, HeadersAreListsAndCaseDoesNotMatter) {
  EXPECT_TRUE(shake_hands(request("Connection", "connection: keep-alive, UPGRADE")).accepted);
  EXPECT_TRUE(shake_hands(request("Connection", "Connection: keep-alive\r\nConnection: Upgrade")).accepted);
  EXPECT_TRUE(shake_hands(request("Upgrade", "upgrade: WebSocket")).accepted);
}

TEST(Handshake, NeitherCompressionNorASubProtocolIsAgreedTo) {
  const auto handshake =
      shake_hands(request("", "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: tap"));
  EXPECT_TRUE(handshake.accepted);
  EXPECT_THAT(handshake.response, ::testing::Not(HasSubstr("Sec-WebSocket-Extensions")));
  EXPECT_THAT(handshake.response, ::testing::Not(HasSubstr("Sec-WebSocket-Protocol")));
}

TEST(Handshake, ABadOneIsAnsweredByteForByte) {
  for (const std::string& bad :
       {request("Upgrade"), request("Connection"), request("Sec-WebSocket-Key"), request("Sec-WebSocket-Version"),
        request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
        request("Sec-WebSocket-Key", "Sec-WebSocket-Key: short"),
        request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSEh"),
        request("", "", "GET /channel HTTP/1.0"), request("", "", "POST /channel HTTP/1.1"), std::string("GET /chan"),
        std::string("no HTTP\r\n\r\n")}) {
    const Handshake handshake = shake_hands(bad);
    EXPECT_FALSE(handshake.accepted);
    EXPECT_EQ(handshake.response, kBadRequest) << bad;
    EXPECT_FALSE(handshake.reason.empty());
  }
}

TEST(Handshake, OnlyPagesOfTheSameHostMayAsk) {
  EXPECT_TRUE(shake_hands(request("", "Origin: http://TAP.example:2480")).accepted);
  EXPECT_TRUE(shake_hands(request("", "Origin: https://tap.example:2480")).accepted);
  for (const char* origin : {"Origin: http://evil.example", "Origin: http://tap.example", "Origin: null",
                             "Origin: ", "Origin: http://tap.example:2480.evil.example",
                             "Origin: http://tap.example:2480\r\nOrigin: http://evil.example"}) {
    const Handshake handshake = shake_hands(request("", origin));
    EXPECT_FALSE(handshake.accepted) << origin;
    EXPECT_THAT(handshake.response, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
    EXPECT_THAT(handshake.response, HasSubstr("Content-Type: application/json; charset=UTF-8\r\n"));
    EXPECT_THAT(handshake.response, ::testing::EndsWith("\r\n\r\n{\"message\":\"Forbidden\"}\n"));
  }
}

}  // namespace
}  // namespace tap::deliver
