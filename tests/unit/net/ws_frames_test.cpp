// SPDX-License-Identifier: MIT
#include "net/ws_frames.hpp"

#include "tap/net/error.hpp"

#include "support/net/ws_wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tap::net {
namespace {

using test::server_frame;

void feed(FrameReader& reader, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto space = reader.space();
    const std::size_t size = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), size, space.begin());
    reader.filled(size);
    bytes.remove_prefix(size);
  }
}

/// "opcode:payload", "none" or the error.
std::string next(FrameReader& reader) {
  const auto message = reader.next();
  if (!message) return message.error().code().message();
  if (!*message) return "none";
  return std::to_string(static_cast<int>((*message)->opcode)) + ":" + std::string(as_text((*message)->payload));
}

std::string frame(int opcode, const std::string& payload, bool final = true) {
  return server_frame(opcode, as_bytes(payload), final);
}

TEST(FrameReader, ReadsFramesOfEveryLengthEncoding) {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 65'535u, 65'536u, 300'000u}) {
    const std::string payload(size, 'x');
    FrameReader reader(4096, 1 << 20);
    const std::string bytes = frame(2, payload) + frame(2, "next");
    std::vector<std::string> messages;
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::size_t piece = std::min(reader.space().size(), rest.size());
      feed(reader, rest.substr(0, piece));
      rest.remove_prefix(piece);
      for (std::string message = next(reader); message != "none"; message = next(reader)) messages.push_back(message);
    }
    EXPECT_THAT(messages, testing::ElementsAre("2:" + payload, "2:next")) << size;
  }
}

TEST(FrameReader, WaitsForTheLastByteWhereverItIsCut) {
  const std::string bytes = frame(9, "p") + frame(2, std::string(200, 'x'));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    FrameReader reader(4096, 1 << 20);
    feed(reader, bytes.substr(0, cut));
    EXPECT_FALSE(reader.has_message()) << cut;
    if (cut >= 3) EXPECT_EQ(next(reader), "9:p");
    EXPECT_EQ(next(reader), "none") << cut;
    feed(reader, bytes.substr(cut));
    EXPECT_TRUE(reader.has_message());
    if (cut < 3) EXPECT_EQ(next(reader), "9:p");
    EXPECT_EQ(next(reader), "2:" + std::string(200, 'x')) << cut;
    EXPECT_EQ(next(reader), "none");
  }
}

TEST(FrameReader, JoinsFragmentsAroundControlFrames) {
  FrameReader reader(4096, 100);
  feed(reader, frame(2, "ab", false) + frame(9, "ping") + frame(0, "", false) + frame(0, "cd") + frame(2, "e"));
  EXPECT_EQ(next(reader), "9:ping");
  EXPECT_EQ(next(reader), "2:abcd");
  EXPECT_EQ(next(reader), "2:e");
}

TEST(FrameReader, KnowsOfAMessageBehindControlFramesAndOfAnEndOfFragments) {
  FrameReader reader(4096, 100);
  EXPECT_FALSE(reader.has_message());
  feed(reader, frame(9, "") + frame(10, "") + frame(2, "a", false));
  EXPECT_FALSE(reader.has_message());
  feed(reader, frame(0, "b"));
  EXPECT_TRUE(reader.has_message());
}

TEST(FrameReader, AMessageMayBeAsLongAsTheLimit) {
  FrameReader reader(4096, 200);
  feed(reader, frame(2, std::string(200, 'x')));
  EXPECT_EQ(next(reader), "2:" + std::string(200, 'x'));
}

TEST(FrameReader, RefusesLongerMessagesBeforeTheyArrive) {
  const std::string too_large = make_error_code(Errc::too_large).message();
  for (const std::string& bytes :
       {frame(2, std::string(201, 'x')).substr(0, 4), frame(2, std::string(70'000, 'x')).substr(0, 10),
        std::string("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10),
        frame(2, std::string(100, 'x'), false) + frame(0, std::string(101, 'x'))}) {
    FrameReader reader(4096, 200);
    feed(reader, bytes);
    EXPECT_TRUE(reader.has_message()) << "the error is to be heard without waiting";
    EXPECT_EQ(next(reader), too_large);
  }
  FrameReader small(4096, 100);
  feed(small, frame(2, std::string(101, 'x')));
  EXPECT_EQ(next(small), too_large);
}

TEST(FrameReader, RefusesBreachesOfTheProtocol) {
  const std::string bad = make_error_code(Errc::bad_response).message();
  const std::pair<std::string, std::string> cases[] = {
      {"reserved bit", "\xc2\x01x"},
      {"masked", std::string("\x82\x81\0\0\0\0x", 7)},
      {"unknown data opcode", "\x83\x01x"},
      {"unknown control opcode", "\x8b\x01x"},
      {"fragmented ping", "\x09\x01x"},
      {"long ping", frame(9, std::string(126, 'x'))},
      {"padded 16 bit length", std::string("\x82\x7e\x00\x7d", 4)},
      {"padded 64 bit length", std::string("\x82\x7f\0\0\0\0\0\0\xff\xff", 10)},
      {"continuation of nothing", frame(0, "x")},
      {"message within a message", frame(2, "x", false) + frame(2, "y")},
  };
  for (const auto& [what, bytes] : cases) {
    FrameReader reader(4096, 1 << 20);
    feed(reader, bytes);
    EXPECT_EQ(next(reader), bad) << what;
  }
}

TEST(FrameReader, ALargeMessageDoesNotHoldMemoryForEver) {
  FrameReader reader(4096, 1 << 20);
  const std::string payload(1 << 20, 'x');
  const std::string bytes = frame(2, payload);
  feed(reader, bytes.substr(0, 100));
  ASSERT_EQ(next(reader), "none");
  EXPECT_GE(reader.space().size(), bytes.size() - 100);
  feed(reader, bytes.substr(100));
  ASSERT_EQ(next(reader), "2:" + payload);
  EXPECT_EQ(reader.space().size(), 4096u);
}

TEST(ControlFrame, IsMasked) {
  const std::string bytes = control_frame(Opcode::ping, as_bytes("ab"), 0x01020304);
  ASSERT_EQ(bytes.size(), 8u);
  EXPECT_EQ(bytes.substr(0, 2), "\x89\x82");
  EXPECT_EQ(bytes[6], static_cast<char>('a' ^ bytes[2]));
  EXPECT_EQ(bytes[7], static_cast<char>('b' ^ bytes[3]));
}

TEST(ControlFrame, IsNeverTooLong) {
  EXPECT_EQ(control_frame(Opcode::pong, as_bytes(std::string(500, 'x')), 1).size(), 6u + 125u);
}

}  // namespace
}  // namespace tap::net
