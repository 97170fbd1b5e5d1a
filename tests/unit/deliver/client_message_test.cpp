// SPDX-License-Identifier: MIT
#include "deliver/client_message.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tap::deliver {
namespace {

/// The acked id, "ignored" or "dropped".
std::string outcome(std::string_view text) {
  const auto parsed = parse_client_message(text);
  if (!parsed) return "dropped";
  return *parsed ? std::to_string(static_cast<std::uint64_t>(**parsed)) : "ignored";
}

TEST(ClientMessage, AcksAreUnderstoodHoweverTheyAreSpelt) {
  EXPECT_EQ(outcome(R"({"type":"ack","id":7})"), "7");
  EXPECT_EQ(outcome(R"({"type":"ack","id":18446744073709551615})"), "18446744073709551615");
  EXPECT_EQ(outcome(R"( { "id" : 7 , "type" : "ack" } )"), "7");
  EXPECT_EQ(outcome(R"({"TYPE":"ack","Id":7})"), "7");
  EXPECT_EQ(outcome(R"({"type":"a\u0063k","\u0069d":7})"), "7");
  EXPECT_EQ(outcome(R"({"id":1,"id":2,"type":"x","type":"ack","more":[{"id":"x"},{}],"of":{"type":3}})"), "2");
  EXPECT_EQ(outcome(R"({"id":7,"id":null,"type":"ack","type":null})"), "7");
}

TEST(ClientMessage, WhatFollowsTheFirstValueIsNotLookedAt) {
  EXPECT_EQ(outcome(R"({"type":"ack","id":7}{"type":"ack","id":8})"), "7");
  EXPECT_EQ(outcome(R"({"type":"ack","id":7} garbage)"), "7");
  EXPECT_EQ(outcome("nullx"), "ignored");
}

TEST(ClientMessage, InvalidUtf8Passes) {
  EXPECT_EQ(outcome("{\"type\":\"ack\",\"id\":7,\"note\":\"\xff\xfe\"}"), "7");
  EXPECT_EQ(outcome("{\"type\":\"\xff\",\"id\":7}"), "ignored");
}

TEST(ClientMessage, OtherMessagesAreIgnored) {
  for (const char* text :
       {"null", "{}", R"({"type":"ack"})", R"({"id":7})", R"({"type":"hello","id":7})", R"({"type":"ack","id":null})",
        R"({"type":"ACK","id":7})", R"({"type":"ack","id":0})", R"({"unrelated":[1,2.5e3,true,"x"]})"}) {
    EXPECT_EQ(outcome(text), "ignored") << text;
  }
}

TEST(ClientMessage, WhatIsNoMessageEndsTheConnection) {
  for (const char* text : {"",
                           " ",
                           "ack",
                           "[]",
                           "[{}]",
                           "7",
                           "\"ack\"",
                           "true",
                           "{",
                           R"({"type":"ack","id":7)",
                           R"({"type":"ack","id":})",
                           R"({"type":"ack","id":"7"})",
                           R"({"type":"ack","id":7.0})",
                           R"({"type":"ack","id":1e3})",
                           R"({"type":"ack","id":-1})",
                           R"({"type":"ack","id":-0})",
                           R"({"type":"ack","id":[7]})",
                           R"({"type":"ack","id":{}})",
                           R"({"type":"ack","id":true})",
                           R"({"type":"ack","id":18446744073709551616})",
                           R"({"type":"ack","id":07})",
                           R"({"type":"ack","id":+7})",
                           R"({"type":"other","id":"7"})",
                           R"({"type":5})",
                           R"({"type":["ack"],"id":7})",
                           R"({"type":"ack",})",
                           "{'type':'ack'}",
                           "{\"type\":\"a\nck\"}",
                           "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(outcome(text), "dropped") << text;
  }
}

TEST(ClientMessage, DepthIsBounded) {
  EXPECT_EQ(outcome("{\"a\":" + std::string(9'000, '[') + std::string(9'000, ']') + "}"), "ignored");
  EXPECT_EQ(outcome("{\"a\":" + std::string(10'001, '[') + std::string(10'001, ']') + "}"), "dropped");
}

}  // namespace
}  // namespace tap::deliver
