// SPDX-License-Identifier: MIT
#include "tap/base/utf8.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace tap {
namespace {

std::string encode(std::uint32_t point, int size) {
  std::string out(1, static_cast<char>(size == 1 ? point : (0xf00U >> size & 0xff) | point >> 6 * (size - 1)));
  for (int i = size - 2; i >= 0; --i) out += static_cast<char>(0x80 | (point >> 6 * i & 0x3f));
  return out;
}

TEST(Utf8, EveryCodePointIsASequenceAndNothingElseIs) {
  for (std::uint32_t point = 0; point < 0x20'0000; ++point) {
    const bool exists = point < 0x11'0000 && (point < 0xd800 || point > 0xdfff);
    const int shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1'0000 ? 3 : 4;
    for (int size = shortest; size <= 4; ++size) {
      const std::size_t expected = exists && size == shortest ? static_cast<std::size_t>(size) : 0;
      ASSERT_EQ(utf8_sequence(encode(point, size) + "x"), expected) << point << " in " << size;
    }
  }
}

TEST(Utf8, ASequenceThatIsCutOrBrokenIsNone) {
  for (const std::string whole : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    EXPECT_TRUE(is_utf8("a" + whole + "b"));
    for (std::size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(is_utf8(whole.substr(0, size)));
      EXPECT_FALSE(is_utf8(whole.substr(0, size) + "b"));
    }
  }
  EXPECT_FALSE(is_utf8("a\x80"));
  EXPECT_TRUE(is_utf8(""));
}

TEST(Utf8, APrefixEndsBetweenSequences) {
  const std::string text = "a\xf0\x9f\x98\x80";
  EXPECT_EQ(utf8_prefix(text, 9), text);
  EXPECT_EQ(utf8_prefix(text, 5), text);
  for (std::size_t limit = 1; limit < 5; ++limit) EXPECT_EQ(utf8_prefix(text, limit), "a");
  EXPECT_EQ(utf8_prefix(text, 0), "");
  EXPECT_EQ(utf8_prefix(std::string_view("\x80\x80", 2), 1), "");
}

}  // namespace
}  // namespace tap
