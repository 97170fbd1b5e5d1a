// SPDX-License-Identifier: MIT
#include "tap/base/json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <iterator>
#include <random>

namespace tap {
namespace {

std::string literal(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, EscapesAsGoDoes) {
  EXPECT_EQ(literal(""), "\"\"");
  EXPECT_EQ(literal("plain / text"), "\"plain / text\"");
  EXPECT_EQ(literal("\"\\"), R"("\"\\")");
  EXPECT_EQ(literal("<a href=\"x\">&"), R"("\u003ca href=\"x\"\u003e\u0026")");
  EXPECT_EQ(literal("\n\r\t\b\f"), R"("\n\r\t\b\f")");
  EXPECT_EQ(literal(std::string_view("\x00\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(literal("\u2027\u2028\u2029\u202a"), "\"\u2027\\u2028\\u2029\u202a\"");
  EXPECT_EQ(literal("äöü€😀"), "\"äöü€😀\"");
}

TEST(JsonString, EachByteThatIsNoUtf8BecomesOneReplacement) {
  EXPECT_EQ(literal("a\xff"
                    "b"),
            R"("a\ufffdb")");
  EXPECT_EQ(literal("\xc3"), R"("\ufffd")");            // cut off
  EXPECT_EQ(literal("\xe2\x82"), R"("\ufffd\ufffd")");  // cut off
  EXPECT_EQ(literal("\xc0\x80"), R"("\ufffd\ufffd")");  // overlong
  EXPECT_EQ(literal("\xe0\x80\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(literal("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");  // a surrogate
  EXPECT_EQ(literal("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(literal("\xf5\x80\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(literal("\x80"
                    "a"),
            R"("\ufffda")");
  EXPECT_EQ(literal("\xe2\x82"
                    "a"),
            R"("\ufffd\ufffda")");
}

TEST(JsonString, RoundTripsEveryValidText) {
  std::mt19937 dice(1);
  const std::string pieces[] = {"a", "\"", "\\", "<", "\n", "\x01", "ä", "€", "😀", "\u2028", " ", "\x7f"};
  for (int i = 0; i < 5'000; ++i) {
    std::string text;
    for (auto n = dice() % 12; n > 0; --n) text += pieces[dice() % std::size(pieces)];
    ASSERT_EQ(nlohmann::json::parse(literal(text)).get<std::string>(), text);
  }
}

TEST(JsonString, AnyBytesGiveValidJsonWithoutRawMarkup) {
  std::mt19937 dice(2);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(dice() % 20, '\0');
    for (char& c : text) c = static_cast<char>(dice() % 3 == 0 ? dice() : 0x80 + dice() % 0x80);
    const std::string out = literal(text);
    ASSERT_TRUE(nlohmann::json::accept(out)) << out;
    ASSERT_EQ(out.find_first_of("<>&"), std::string::npos);
  }
}

}  // namespace
}  // namespace tap
