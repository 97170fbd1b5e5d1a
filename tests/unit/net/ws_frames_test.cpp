// SPDX-License-Identifier: MIT
#include "tap/net/ws_frames.hpp"

#include "support/ws_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tap::net {
namespace {

using testing::ElementsAre;
using Peer = FrameReader::Peer;

constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kMaxMessage = 70'000;

FrameReader reader_of(Peer peer, std::size_t max_message = kMaxMessage) {
  return FrameReader({.peer = peer, .read_bytes = kReadBytes, .max_message = max_message});
}

/// As much as there is room for; gives how much.
std::size_t feed(FrameReader& reader, std::string_view bytes) {
  const auto space = reader.space();
  const std::size_t size = std::min(space.size(), bytes.size());
  std::copy_n(bytes.begin(), size, space.begin());
  reader.filled(size);
  return size;
}

/// "text:payload" and so on, "none", or the error's detail.
std::string next(FrameReader& reader) {
  constexpr std::string_view kNames[] = {"", "text", "binary", "", "", "", "", "", "close", "ping", "pong"};
  const auto message = reader.next();
  if (!message) return message.error().detail();
  if (!*message) return "none";
  return std::string(kNames[static_cast<std::size_t>((*message)->opcode)]) + ":" +
         std::string(as_text((*message)->payload));
}

/// What comes out when the bytes come in pieces of this size; the last may be an error.
std::vector<std::string> read_all(FrameReader reader, std::string_view bytes, std::size_t piece) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    bytes.remove_prefix(feed(reader, bytes.substr(0, piece)));
    for (;;) {
      auto message = reader.next();
      if (message && !*message) break;
      if (!message) {
        out.push_back(message.error().detail());
        return out;
      }
      out.emplace_back(as_text((*message)->payload));
    }
  }
  return out;
}

Error error_of(FrameReader reader, std::string_view bytes) {
  feed(reader, bytes);
  EXPECT_TRUE(reader.has_message()) << "the error is to be heard without waiting";
  for (;;) {
    const auto message = reader.next();
    if (!message) return message.error();
    if (!*message) return {};
  }
}

/// Both directions of one protocol: what holds for one holds for the other.
class Frames : public testing::TestWithParam<Peer> {
 protected:
  [[nodiscard]] static FrameReader reader(std::size_t max_message = kMaxMessage) {
    return reader_of(GetParam(), max_message);
  }
  [[nodiscard]] static std::string frame(unsigned first, std::string_view payload, int length_bytes = 0) {
    const bool masked = GetParam() == Peer::client;
    return test::frame({.first = first, .payload = payload, .masked = masked, .length_bytes = length_bytes});
  }
  /// The detail of the violation.
  [[nodiscard]] static std::string violation(std::string_view bytes) {
    const Error error = error_of(reader(), bytes);
    EXPECT_EQ(error, Errc::bad_frame);
    return error.detail();
  }
};
INSTANTIATE_TEST_SUITE_P(From, Frames, testing::Values(Peer::server, Peer::client),
                         [](const auto& info) { return info.param == Peer::server ? "Server" : "Client"; });

TEST_P(Frames, ComeOutInOrderHoweverTheBytesAreCut) {
  const std::string bytes = frame(0x81, "one") + frame(0x89, "p") + frame(0x82, std::string(200, 'x')) +
                            frame(0x8a, "") + frame(0x88, "\x03\xe8");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    ASSERT_THAT(read_all(reader(), bytes, piece), ElementsAre("one", "p", std::string(200, 'x'), "", "\x03\xe8"));
  }
  FrameReader whole = reader();
  feed(whole, bytes);
  EXPECT_EQ(next(whole), "text:one");
  EXPECT_EQ(next(whole), "ping:p");
  EXPECT_EQ(next(whole), "binary:" + std::string(200, 'x'));
  EXPECT_EQ(next(whole), "pong:");
  EXPECT_EQ(next(whole), "close:\x03\xe8");
  EXPECT_EQ(next(whole), "none");
}

TEST_P(Frames, HaveLengthsOfThreeForms) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 125U, 126U, 127U, 65'535U, 65'536U, 300'000U}) {
    const std::string payload(size, 'x');
    ASSERT_THAT(read_all(reader(1 << 20), frame(0x82, payload) + frame(0x82, "next"), 1 << 20),
                ElementsAre(payload, "next"))
        << size;
  }
}

TEST_P(Frames, OfAMessageAreJoinedAroundControlFrames) {
  const std::string bytes =
      frame(0x01, "a") + frame(0x89, "now") + frame(0x00, "") + frame(0x00, "b") + frame(0x80, "c") + frame(0x82, "d");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
    EXPECT_THAT(read_all(reader(), bytes, piece), ElementsAre("now", "abc", "d"));
  }
  FrameReader whole = reader();
  feed(whole, bytes);
  EXPECT_EQ(next(whole), "ping:now");
  EXPECT_EQ(next(whole), "text:abc") << "the first fragment tells the kind";
}

TEST_P(Frames, TellOfAMessageAsSoonAsItIsWhole) {
  const std::string bytes = frame(0x89, "p") + frame(0x82, std::string(200, 'x'));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    FrameReader cut_reader = reader();
    feed(cut_reader, bytes.substr(0, cut));
    EXPECT_FALSE(cut_reader.has_message()) << cut;
    feed(cut_reader, bytes.substr(cut));
    EXPECT_TRUE(cut_reader.has_message());
    EXPECT_EQ(next(cut_reader), "ping:p");
    EXPECT_TRUE(cut_reader.has_message());
    EXPECT_EQ(next(cut_reader), "binary:" + std::string(200, 'x'));
    EXPECT_FALSE(cut_reader.has_message());
  }
}

TEST_P(Frames, TellOfAMessageBehindControlFramesAndOfAnEndOfFragments) {
  FrameReader fragments = reader();
  EXPECT_FALSE(fragments.has_message());
  feed(fragments, frame(0x89, "") + frame(0x8a, "") + frame(0x02, "a"));
  EXPECT_FALSE(fragments.has_message());
  EXPECT_EQ(next(fragments), "ping:");
  EXPECT_EQ(next(fragments), "pong:");
  EXPECT_EQ(next(fragments), "none");
  EXPECT_FALSE(fragments.has_message());
  feed(fragments, frame(0x80, "b"));
  EXPECT_TRUE(fragments.has_message());
}

TEST_P(Frames, AsLongAsTheLimitPassAndLongerOnesAreToldOfBeforeTheyArrive) {
  FrameReader largest = reader(200);
  feed(largest,
       frame(0x82, std::string(200, 'x')) + frame(0x02, std::string(100, 'x')) + frame(0x80, std::string(100, 'x')));
  EXPECT_EQ(next(largest), "binary:" + std::string(200, 'x'));
  EXPECT_EQ(next(largest), "binary:" + std::string(200, 'x'));
  const std::string half = frame(0x02, std::string(100, 'x'));
  for (const std::string& bytes :
       {frame(0x82, std::string(201, 'x')).substr(0, 4), half + frame(0x80, std::string(101, 'x')).substr(0, 2),
        half + frame(0x00, std::string(101, 'x')).substr(0, 2)}) {
    EXPECT_EQ(error_of(reader(200), bytes), Errc::too_large);
  }
  EXPECT_EQ(error_of(reader(100), frame(0x82, std::string(101, 'x')).substr(0, 2)), Errc::too_large);
  EXPECT_EQ(error_of(reader(2'000), frame(0x82, std::string(70'000, 'x')).substr(0, 10)), Errc::too_large);
}

TEST_P(Frames, BehindAMessageThatIsTooLargeAreRead) {
  const std::string large(5'000, 'x');
  const std::string fragments = frame(0x02, std::string(900, 'x')) + frame(0x00, large) + frame(0x89, "between") +
                                frame(0x00, "") + frame(0x80, large);
  const std::string bytes = frame(0x82, large) + frame(0x82, "one") + fragments + frame(0x02, "t") + frame(0x80, "wo");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1'000}, bytes.size()}) {
    FrameReader tight = reader(1'000);
    std::vector<std::string> out;
    for (std::string_view rest = bytes; !rest.empty();) {
      rest.remove_prefix(feed(tight, rest.substr(0, piece)));
      for (std::string text = next(tight); text != "none"; text = next(tight)) out.push_back(std::move(text));
      ASSERT_LE(tight.space().size(), kReadBytes) << "no memory is made for what is dropped";
    }
    EXPECT_THAT(out, ElementsAre("a message of more than 1000 bytes", "binary:one", "a message of more than 1000 bytes",
                                 "ping:between", "binary:two"))
        << piece;
  }
}

TEST_P(Frames, TellOfAMessageBehindOneThatIsTooLarge) {
  FrameReader tight = reader(1'000);
  feed(tight, frame(0x02, std::string(1'001, 'x')).substr(0, 500));
  EXPECT_TRUE(tight.has_message()) << "it is to be told of";
  ASSERT_EQ(next(tight), "a message of more than 1000 bytes");
  EXPECT_FALSE(tight.has_message());
  feed(tight, frame(0x02, std::string(1'001, 'x')).substr(500) + frame(0x00, std::string(2'000, 'x')) +
                  frame(0x80, "end").substr(0, 3));
  EXPECT_FALSE(tight.has_message());
  feed(tight, frame(0x80, "end").substr(3) + frame(0x82, ""));
  EXPECT_TRUE(tight.has_message());
  EXPECT_EQ(next(tight), "binary:");
}

TEST_P(Frames, OfAMessageThatNeverEndsAreRefusedAtLast) {
  FrameReader tight = reader(100);
  const std::string fragment = frame(0x00, std::string(100, 'x'));
  feed(tight, frame(0x02, std::string(100, 'x')) + fragment);
  ASSERT_EQ(next(tight), "a message of more than 100 bytes");
  for (std::size_t i = 2; i < FrameReader::kAbsurd; ++i) {
    feed(tight, fragment);
    ASSERT_EQ(next(tight), "none");
  }
  feed(tight, frame(0x00, "x"));
  EXPECT_EQ(next(tight), "a message is absurdly long");
}

TEST_P(Frames, OfAbsurdLengthAreRefused) {
  const std::string head = frame(0x82, std::string(70'000, 'x')).substr(0, 2);
  EXPECT_EQ(violation(head + "\x7f\xff\xff\xff\xff\xff\xff\xff"), "a message is absurdly long");
  EXPECT_EQ(violation(head + "\xff\xff\xff\xff\xff\xff\xff\xff"), "a length has its highest bit set");
}

TEST_P(Frames, ThatBreakTheProtocolAreRefused) {
  EXPECT_EQ(violation(frame(0xc1, "x")), "reserved bits are set");
  EXPECT_EQ(violation(frame(0x83, "x")), "unknown opcode");
  EXPECT_EQ(violation(frame(0x8b, "x")), "unknown opcode");
  EXPECT_EQ(violation(frame(0x09, "x")), "a control frame is fragmented");
  EXPECT_EQ(violation(frame(0x89, std::string(126, 'x'))), "a control frame is too long");
  EXPECT_EQ(violation(frame(0x80, "x")), "fragments are out of order");
  EXPECT_EQ(violation(frame(0x01, "x") + frame(0x81, "y")), "fragments are out of order");
  EXPECT_EQ(violation(frame(0x01, "x") + frame(0x89, "p") + frame(0x01, "y")), "fragments are out of order");
}

TEST_P(Frames, MayCarryTextThatIsNotUtf8) {
  EXPECT_THAT(read_all(reader(), frame(0x81, "\xff\xfe"), 100), ElementsAre("\xff\xfe"));
}

TEST_P(Frames, HoldNoMemoryForEver) {
  const std::string payload(1 << 20, 'x');
  FrameReader large = reader(1 << 20);
  const std::string bytes = frame(0x82, payload);
  feed(large, bytes.substr(0, 100));
  ASSERT_EQ(next(large), "none");
  EXPECT_GE(large.space().size(), bytes.size() - 100);
  feed(large, bytes.substr(100));
  ASSERT_EQ(next(large), "binary:" + payload);
  EXPECT_EQ(large.space().size(), kReadBytes);
}

TEST_P(Frames, ThatCameWithTheHandshakeComeFirst) {
  const std::string payload(60'000, 'x');
  FrameReader early = reader();
  early.append(as_bytes(frame(0x82, "one") + frame(0x82, payload).substr(0, 50'000)));
  EXPECT_EQ(next(early), "binary:one");
  early.append(as_bytes(frame(0x82, payload).substr(50'000) + frame(0x82, "two").substr(0, 1)));
  EXPECT_EQ(next(early), "binary:" + payload);
  feed(early, frame(0x82, "two").substr(1));
  EXPECT_EQ(next(early), "binary:two");
}

TEST(FramesOfAServer, AreNotMaskedAndTheirLengthsNotPadded) {
  EXPECT_EQ(error_of(reader_of(Peer::server), test::frame({.payload = "x"})).detail(), "a frame is masked");
  for (const int length_bytes : {2, 8}) {
    const std::string padded = test::frame({.payload = "x", .masked = false, .length_bytes = length_bytes});
    EXPECT_EQ(error_of(reader_of(Peer::server), padded).detail(), "a length is padded");
  }
}

TEST(FramesOfAClient, AreMaskedAndTheirLengthsMayBePadded) {
  const std::string bare = test::frame({.payload = "x", .masked = false});
  EXPECT_EQ(error_of(reader_of(Peer::client), bare).detail(), "a frame is not masked");
  const std::string padded =
      test::frame({.payload = "x", .length_bytes = 2}) + test::frame({.payload = "y", .length_bytes = 8});
  EXPECT_THAT(read_all(reader_of(Peer::client), padded, 1), ElementsAre("x", "y"));
}

TEST(CloseAnswer, IsTheCodeAloneOrNothing) {
  const auto answer = [](std::string_view payload) { return close_answer(as_bytes(payload)); };
  EXPECT_EQ(answer("").value(), "");
  EXPECT_EQ(answer("\x03\xe8gone fishing").value(), "\x03\xe8");
  EXPECT_EQ(answer("\x0f\xa0").value(), "\x0f\xa0");
  EXPECT_EQ(answer("\x03").error(), Errc::bad_frame);
  EXPECT_EQ(answer("\x03\xe8\xff").error(), Errc::bad_frame);
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1014U, 1015U, 2999U, 5000U}) {
    const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 255)};
    EXPECT_FALSE(answer(payload)) << code;
  }
}

TEST(SentFrames, TakeTheShortestHead) {
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
  append_frame(pong, Opcode::pong, as_bytes("hi"));
  EXPECT_EQ(pong, "\x8a\x02hi");
}

TEST(SentFrames, OfAClientAreMasked) {
  std::string bytes;
  append_masked_frame(bytes, Opcode::ping, as_bytes("ab"), 0x01020304);
  ASSERT_EQ(bytes.size(), 8U);
  EXPECT_EQ(bytes.substr(0, 2), "\x89\x82");
  EXPECT_EQ(bytes[6], static_cast<char>('a' ^ bytes[2]));
  EXPECT_EQ(bytes[7], static_cast<char>('b' ^ bytes[3]));
  const std::string payload(70'000, 'x');
  append_masked_frame(bytes, Opcode::text, as_bytes(payload), 0x01020304);
  EXPECT_THAT(read_all(reader_of(Peer::client), bytes, bytes.size()), ElementsAre("ab", payload));
}

}  // namespace
}  // namespace tap::net
