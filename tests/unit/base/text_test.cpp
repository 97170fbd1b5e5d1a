// SPDX-License-Identifier: MIT
#include "tap/base/text.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace tap {
namespace {

TEST(Text, IsTrimmedAtBothEnds) {
  EXPECT_EQ(trim(" \t\r\n\f\va b \n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, IsLoweredInAsciiOnly) {
  EXPECT_EQ(lower("AZaz09@[\xc3\x84"), "azaz09@[\xc3\x84");
  EXPECT_EQ(lower(""), "");
}

TEST(PercentDecode, UndoesEscapesAndLeavesTheRest) {
  EXPECT_EQ(percent_decode("did%3aplc%3Aa+b"), "did:plc:a+b");
  EXPECT_EQ(percent_decode("%25%32%35"), "%25");
  for (const std::string text : {"", "%", "%4", "%4g", "%g4", "100% of"}) EXPECT_EQ(percent_decode(text), text);
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
}

TEST(Base64, IsThatOfRfc4648) {
  const struct {
    std::string_view plain, padded, unpadded;
  } rows[] = {{"", "", ""},
              {"f", "Zg==", "Zg"},
              {"fo", "Zm8=", "Zm8"},
              {"foo", "Zm9v", "Zm9v"},
              {"foob", "Zm9vYg==", "Zm9vYg"},
              {"\xff\xfe\xfb", "//77", "//77"}};
  for (const auto& row : rows) {
    EXPECT_EQ(base64(as_bytes(row.plain)), row.padded);
    std::string out = "=";
    append_unpadded_base64(out, as_bytes(row.plain));
    EXPECT_EQ(out, "=" + std::string(row.unpadded));
  }
}

TEST(ParseDecimal, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_decimal<int>("42"), 42);
  EXPECT_EQ(parse_decimal<int>("-42"), -42);
  EXPECT_EQ(parse_decimal<std::uint16_t>("65535"), 65'535);
  EXPECT_EQ(parse_decimal<std::uint64_t>("18446744073709551615"), ~std::uint64_t{0});
  for (const std::string_view text : {"", " 1", "1 ", "+1", "0x1", "1.0", "1e3", "-", "99999999999"}) {
    EXPECT_FALSE(parse_decimal<int>(text)) << text;
  }
  EXPECT_FALSE(parse_decimal<std::uint16_t>("65536"));
  EXPECT_FALSE(parse_decimal<std::uint64_t>("-1"));
}

}  // namespace
}  // namespace tap
