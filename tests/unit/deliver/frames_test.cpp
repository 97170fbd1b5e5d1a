// SPDX-License-Identifier: MIT
#include "deliver/frames.hpp"

#include "deliver/error.hpp"
#include "support/ws_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace tap::deliver {
namespace {

using test::frame;
using test::text_frame;
using ::testing::ElementsAre;

constexpr std::size_t kMaxMessage = 70'000;

/// Feeds bytes in pieces, and writes down what comes out: "text:..." and so on, or the error.
std::vector<std::string> read_all(std::string_view bytes, std::size_t piece) {
  FrameReader reader(kMaxMessage);
  std::vector<std::string> out;
  while (!bytes.empty()) {
    const auto space = reader.space();
    const std::size_t size = std::min({piece, bytes.size(), space.size()});
    std::memcpy(space.data(), bytes.data(), size);
    reader.received(size);
    bytes.remove_prefix(size);
    for (;;) {
      const auto next = reader.next();
      if (!next) {
        out.push_back(next.error().message());
        return out;
      }
      if (!*next) break;
      constexpr std::string_view kNames[] = {"continuation", "text", "binary", "", "", "", "", "",
                                             "close",        "ping", "pong"};
      out.push_back(std::string(kNames[static_cast<std::size_t>((*next)->kind)]) + ":" + std::string((*next)->payload));
    }
  }
  return out;
}

std::string violation(std::string_view bytes) {
  const auto out = read_all(bytes, 1);
  constexpr std::string_view kPrefix = "the consumer violates the WebSocket protocol: ";
  if (out.size() != 1 || !out[0].starts_with(kPrefix)) return "none";
  return out[0].substr(kPrefix.size());
}

TEST(Frames, MessagesAndControlFramesComeOutInOrderHoweverTheBytesAreCut) {
  const std::string bytes = text_frame("one") + frame({.first = 0x89, .payload = "p"}) +
                            frame({.first = 0x82, .payload = "two"}) + frame({.first = 0x8a, .payload = ""}) +
                            frame({.first = 0x88, .payload = "\x03\xe8"});
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_THAT(read_all(bytes, piece), ElementsAre("text:one", "ping:p", "binary:two", "pong:", "close:\x03\xe8"));
  }
}

TEST(Frames, FragmentsAreJoinedAroundControlFrames) {
  const std::string bytes = frame({.first = 0x01, .payload = "a"}) + frame({.first = 0x89, .payload = "now"}) +
                            frame({.first = 0x00, .payload = ""}) + frame({.first = 0x00, .payload = "b"}) +
                            frame({.first = 0x80, .payload = "c"}) + text_frame("d");
  EXPECT_THAT(read_all(bytes, 3), ElementsAre("ping:now", "text:abc", "text:d"));
  EXPECT_THAT(read_all(bytes, bytes.size()), ElementsAre("ping:now", "text:abc", "text:d"));
}

TEST(Frames, LengthsMayTakeMoreBytesThanTheyNeed) {
  EXPECT_THAT(read_all(frame({.payload = "x", .length_bytes = 2}) + frame({.payload = "y", .length_bytes = 8}), 1),
              ElementsAre("text:x", "text:y"));
}

TEST(Frames, AMessageOfTheLargestSizePassesAndALargerOneDoesNot) {
  const std::string largest(kMaxMessage, 'x');
  EXPECT_THAT(read_all(text_frame(largest) + text_frame("y"), 1'000), ElementsAre("text:" + largest, "text:y"));
  EXPECT_THAT(read_all(text_frame(largest + "x"), 1'000), ElementsAre("the consumer's message is too long"));
  EXPECT_THAT(read_all(frame({.first = 0x01, .payload = largest}) + frame({.first = 0x80, .payload = "x"}), 1'000),
              ElementsAre("the consumer's message is too long"));
}

TEST(Frames, ALengthThatOnlyItsHeadTellsIsRefusedBeforeItsBytesCome) {
  EXPECT_THAT(read_all(std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10) + "mask", 1),
              ElementsAre("the consumer's message is too long"));
  EXPECT_EQ(violation(std::string("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10) + "mask"),
            "a length has its highest bit set");
}

TEST(Frames, ViolationsAreNamed) {
  EXPECT_EQ(violation(frame({.payload = "x", .masked = false})), "a frame is not masked");
  EXPECT_EQ(violation(frame({.first = 0xc1, .payload = "x"})), "reserved bits are set");
  EXPECT_EQ(violation(frame({.first = 0x83, .payload = "x"})), "unknown opcode");
  EXPECT_EQ(violation(frame({.first = 0x8b, .payload = "x"})), "unknown opcode");
  EXPECT_EQ(violation(frame({.first = 0x09, .payload = "x"})), "a control frame is fragmented");
  EXPECT_EQ(violation(frame({.first = 0x89, .payload = std::string(126, 'x')})), "a control frame is too long");
  EXPECT_EQ(violation(frame({.first = 0x80, .payload = "x"})), "fragments are out of order");
  EXPECT_EQ(violation(frame({.first = 0x01, .payload = "x"}) + text_frame("y")), "fragments are out of order");
}

TEST(Frames, ACloseIsAnsweredWithItsCodeAloneOrWithNothing) {
  EXPECT_EQ(close_answer("").value(), "");
  EXPECT_EQ(close_answer("\x03\xe8gone fishing").value(), "\x03\xe8");
  EXPECT_EQ(close_answer("\x0f\xa0").value(), "\x0f\xa0");
  EXPECT_FALSE(close_answer("\x03"));
  EXPECT_FALSE(close_answer("\x03\xe8\xff"));
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1014U, 1015U, 2999U, 5000U}) {
    const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 255)};
    EXPECT_FALSE(close_answer(payload)) << code;
  }
}

TEST(Frames, SentFramesTakeTheShortestHead) {
  for (const auto& [size, head] :
       std::vector<std::pair<std::size_t, std::string>>{{0, std::string("\x81\x00", 2)},
                                                        {125, "\x81\x7d"},
                                                        {126, std::string("\x81\x7e\x00\x7e", 4)},
                                                        {65'535, "\x81\x7e\xff\xff"},
                                                        {65'536, std::string("\x81\x7f\0\0\0\0\0\1\0\0", 10)}}) {
    std::string out;
    append_frame_head(out, Opcode::text, size);
    EXPECT_EQ(out, head) << size;
  }
  std::string pong;
  append_frame(pong, Opcode::pong, "hi");
  EXPECT_EQ(pong, "\x8a\x02hi");
}

}  // namespace
}  // namespace tap::deliver
