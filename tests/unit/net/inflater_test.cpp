// SPDX-License-Identifier: MIT
#include "net/inflater.hpp"

#include "tap/net/error.hpp"

#include "support/net/http_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace tap::net {
namespace {

using test::gzip;

/// All output for this input; an error as text.
std::string inflate_all(Inflater& inflater, std::string_view input) {
  inflater.feed(as_bytes(input));
  std::string out;
  for (;;) {
    auto piece = inflater.next();
    if (!piece) return piece.error().message();
    if (piece->empty()) return out;
    out += as_text(*piece);
  }
}

TEST(Inflater, GivesBackWhatWasCompressed) {
  std::string plain;
  for (int i = 0; i < 100'000; ++i) plain += static_cast<char>(i * 7919 % 251);
  Inflater inflater;
  EXPECT_EQ(inflate_all(inflater, gzip(plain)), plain);
  EXPECT_TRUE(inflater.finished());
}

TEST(Inflater, TakesItsInputByteByByte) {
  const std::string packed = gzip("a few words");
  Inflater inflater;
  std::string out;
  for (std::size_t i = 0; i < packed.size(); ++i) {
    EXPECT_FALSE(inflater.finished());
    out += inflate_all(inflater, std::string_view(packed).substr(i, 1));
  }
  EXPECT_EQ(out, "a few words");
  EXPECT_TRUE(inflater.finished());
}

TEST(Inflater, ABombComesOutInBoundedPieces) {
  const std::string packed = gzip(std::string(50 << 20, '\0'));
  ASSERT_LT(packed.size(), 500'000U);
  Inflater inflater;
  inflater.feed(as_bytes(packed));
  std::size_t pieces = 0;
  for (;;) {
    const auto piece = inflater.next();
    ASSERT_TRUE(piece);
    if (piece->empty()) break;
    ASSERT_LE(piece->size(), 64u << 10);
    ++pieces;
  }
  EXPECT_EQ(pieces, (50u << 20) / (64u << 10));
}

TEST(Inflater, ATruncatedStreamIsNotFinished) {
  const std::string packed = gzip("a few words");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    Inflater inflater;
    (void)inflate_all(inflater, packed.substr(0, size));
    EXPECT_FALSE(inflater.finished()) << size;
  }
}

TEST(Inflater, BytesBehindTheStreamAreAnError) {
  const std::string packed = gzip("words") + "x";
  Inflater inflater;
  inflater.feed(as_bytes(packed));
  ASSERT_TRUE(inflater.next());
  const auto behind = inflater.next();
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error(), Errc::bad_response);
}

TEST(Inflater, BytesBehindTheStreamAreAnErrorInAPieceWithoutOutputToo) {
  const std::string packed = gzip("words");
  constexpr std::size_t kTrailer = 8;  // checksum and size
  Inflater inflater;
  EXPECT_EQ(inflate_all(inflater, packed.substr(0, packed.size() - kTrailer)), "words");
  const std::string rest = packed.substr(packed.size() - kTrailer) + "x";
  inflater.feed(as_bytes(rest));
  const auto behind = inflater.next();
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error(), Errc::bad_response);
}

TEST(Inflater, ADamagedStreamIsAnError) {
  std::string packed = gzip("a few words that are damaged on their way");
  packed[packed.size() - 6] ^= 1;  // the checksum
  for (const std::string& input :
       {packed, std::string("no gzip at all"), std::string("\x1f\x8b\x07\0\0\0\0\0\0\0", 10)}) {
    Inflater inflater;
    inflater.feed(as_bytes(input));
    Result<ByteView> piece = inflater.next();
    while (piece && !piece->empty()) piece = inflater.next();
    ASSERT_FALSE(piece);
    EXPECT_EQ(piece.error(), Errc::bad_response);
  }
}

}  // namespace
}  // namespace tap::net
