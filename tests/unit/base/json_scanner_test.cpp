// SPDX-License-Identifier: MIT
#include "tap/base/json_scanner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tap {
namespace {

using Token = JsonScanner::Token;
using ::testing::ElementsAre;

/// All tokens as they were written; an error or a cut at the end.
std::vector<std::string> tokens(std::string_view text) {
  JsonScanner scanner(text);
  std::vector<std::string> out;
  for (;;) {
    const Token token = scanner.next();
    if (token == Token::end) return out;
    if (token == Token::error) {
      out.push_back(scanner.truncated() ? "cut" : scanner.error() + " at " + std::to_string(scanner.offset()));
      return out;
    }
    out.emplace_back(scanner.token());
  }
}

TEST(JsonScanner, GivesTokensAsTheyWereWritten) {
  EXPECT_THAT(tokens(R"( {"a" : [1, -2.5e+3, "x\"y"], "b":{}, "c":[[]], "d":null,"e":true} )"),
              ElementsAre("{", "\"a\"", "[", "1", "-2.5e+3", "\"x\\\"y\"", "]", "\"b\"", "{", "}", "\"c\"", "[", "[",
                          "]", "]", "\"d\"", "null", "\"e\"", "true", "}"));
  EXPECT_THAT(tokens("false"), ElementsAre("false"));
}

TEST(JsonScanner, StopsBehindTheFirstValue) {
  EXPECT_THAT(tokens("{} garbage"), ElementsAre("{", "}"));
  EXPECT_THAT(tokens("12x"), ElementsAre("12"));
}

TEST(JsonScanner, TellsWhatIsWrongAndWhere) {
  EXPECT_THAT(tokens("[01]"), ElementsAre("[", "0", "invalid character '1' after array element at 3"));
  EXPECT_THAT(tokens("[1,]"), ElementsAre("[", "1", "invalid character ']' looking for beginning of value at 4"));
  EXPECT_THAT(tokens(R"({"a":1,})"),
              ElementsAre("{", "\"a\"", "1", "invalid character '}' looking for beginning of object key string at 8"));
  EXPECT_THAT(tokens("-x"), ElementsAre("invalid character 'x' in numeric literal at 2"));
  EXPECT_THAT(tokens("1.x"), ElementsAre("invalid character 'x' after decimal point in numeric literal at 3"));
  EXPECT_THAT(tokens("1ex"), ElementsAre("invalid character 'x' in exponent of numeric literal at 3"));
  EXPECT_THAT(tokens(R"("\u00g0")"), ElementsAre("invalid character 'g' in \\u hexadecimal character escape at 6"));
  EXPECT_THAT(tokens("\"a\nb\""), ElementsAre("invalid character '\\n' in string literal at 3"));
  EXPECT_THAT(tokens("\x01"), ElementsAre("invalid character '\\x01' looking for beginning of value at 1"));
  EXPECT_THAT(tokens("'"), ElementsAre("invalid character '\\'' looking for beginning of value at 1"));
}

TEST(JsonScanner, EveryPrefixOfAValueIsCut) {
  const std::string text = R"({"a":[1,"\u0041\n",true],"b":null})";
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(tokens(text.substr(0, size)).back(), "cut") << size;
  }
  JsonScanner blank(" \n");
  EXPECT_EQ(blank.next(), Token::error);
  EXPECT_TRUE(blank.blank());
}

TEST(JsonScanner, DepthIsBounded) { EXPECT_EQ(tokens(std::string(10'001, '[')).back(), "exceeded max depth at 10000"); }

TEST(JsonScanner, EscapesAreResolved) {
  EXPECT_EQ(unquote_json(R"("a\"\\\/\b\f\n\r\t")"), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(unquote_json(R"("\u0041\u00e9\u20ac\ud83d\ude00")"), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(unquote_json(R"("\ud83dx\ude00\ud83d\u0041")"),
            "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd"
            "A");
}

}  // namespace
}  // namespace tap
