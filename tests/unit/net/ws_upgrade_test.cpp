// SPDX-License-Identifier: MIT
#include "net/ws_upgrade.hpp"

#include "tap/net/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tap::net {
namespace {

constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // of RFC 6455, 1.3, as its proof

/// The answer that is right, but for one header; "" leaves it away.
Response answer_with(const std::string& name = "connection", const std::string& value = "Upgrade") {
  Response response{.status = 101,
                    .headers = {{"connection", "Upgrade"},
                                {"upgrade", "websocket"},
                                {"sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}}};
  response.headers[name] = value;
  if (value.empty()) response.headers.erase(name);
  return response;
}

TEST(WsUpgrade, IsAgreedToByTheProofOfItsOwnKey) {
  EXPECT_TRUE(check_upgrade(answer_with(), kKey));
  EXPECT_FALSE(check_upgrade(answer_with(), "eGhlIHNhbXBsZSBub25jZQ=="));
  for (const auto* proof : {"", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", kKey}) {
    EXPECT_FALSE(check_upgrade(answer_with("sec-websocket-accept", proof), kKey)) << proof;
  }
}

TEST(WsUpgrade, IsNamedInBothHeaders) {
  for (const auto* value : {"upgrade", "keep-alive, UPGRADE", "Upgrade,close"}) {
    EXPECT_TRUE(check_upgrade(answer_with("connection", value), kKey)) << value;
  }
  for (const auto* value : {"", "close", "keep-alive", "upgrades", "up grade"}) {
    EXPECT_FALSE(check_upgrade(answer_with("connection", value), kKey)) << value;
  }
  EXPECT_TRUE(check_upgrade(answer_with("upgrade", "WebSocket"), kKey));
  for (const auto* value : {"", "h2c", "websocket, h2c", "websockets"}) {
    EXPECT_FALSE(check_upgrade(answer_with("upgrade", value), kKey)) << value;
  }
}

TEST(WsUpgrade, BringsNothingThatWasNotAskedFor) {
  for (const auto* name : {"sec-websocket-extensions", "sec-websocket-protocol"}) {
    const auto refused = check_upgrade(answer_with(name, "something"), kKey);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error(), Errc::bad_response);
  }
}

}  // namespace
}  // namespace tap::net
