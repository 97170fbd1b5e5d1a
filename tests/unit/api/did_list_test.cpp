// SPDX-License-Identifier: MIT
#include "api/did_list.hpp"

#include <gtest/gtest.h>

namespace tap::api {
namespace {

/// The DIDs, joined by spaces, or the error.
std::string outcome(std::string_view body) {
  const auto dids = parse_did_list(body);
  if (!dids) return dids.error();
  std::string out;
  for (const auto& did : *dids) out += (out.empty() ? "" : " ") + did.str();
  return out;
}

TEST(DidList, ListsAreReadAsTheFrameworkReadsThem) {
  EXPECT_EQ(outcome(R"({"dids":["did:plc:a","did:web:b.example"]})"), "did:plc:a did:web:b.example");
  EXPECT_EQ(outcome(R"({"DIDs":["did:plc:a"]})"), "did:plc:a");
  EXPECT_EQ(outcome(R"({"dids":["did\u003aplc:a"]})"), "did:plc:a");
  EXPECT_EQ(outcome(R"({"dids":["did:plc:a"],"other":{"dids":["x"]},"more":[["dids"],1]} and more)"), "did:plc:a");
  EXPECT_EQ(outcome(R"({"dids":["did:plc:a"],"dids":["did:plc:b"]})"), "did:plc:b");
  EXPECT_EQ(outcome(R"({"dids":[]})"), "");
  EXPECT_EQ(outcome(R"({"dids":null})"), "");
  EXPECT_EQ(outcome("{}"), "");
  EXPECT_EQ(outcome("null"), "");
}

TEST(DidList, TheFirstValueThatIsNoDidIsNamed) {
  EXPECT_EQ(outcome(R"({"dids":["did:plc:a","bogus","worse"]})"), "invalid DID: bogus");
  EXPECT_EQ(outcome(R"({"dids":[""]})"), "invalid DID: ");
  EXPECT_EQ(outcome(R"({"dids":[null]})"), "invalid DID: ");
  EXPECT_EQ(outcome("{\"dids\":[\"" + std::string(5'000, 'x') + "\"]}"), "invalid DID: " + std::string(100, 'x'));
}

TEST(DidList, WrongTypesAreToldInTheFrameworksWords) {
  EXPECT_EQ(outcome(R"({"dids":"x"})"), "Unmarshal type error: expected=[]string, got=string, field=dids, offset=11");
  EXPECT_EQ(outcome(R"({"dids":{}})"), "Unmarshal type error: expected=[]string, got=object, field=dids, offset=9");
  EXPECT_EQ(outcome(R"({"dids":true})"), "Unmarshal type error: expected=[]string, got=bool, field=dids, offset=12");
  EXPECT_EQ(outcome(R"({"dids":[5]})"), "Unmarshal type error: expected=string, got=number, field=dids, offset=10");
  EXPECT_EQ(outcome(R"({"dids":[["x"]]})"), "Unmarshal type error: expected=string, got=array, field=dids, offset=10");
  EXPECT_EQ(outcome("[1]"), "Unmarshal type error: expected=main.DidPayload, got=array, field=, offset=1");
  EXPECT_EQ(outcome("\"x\""), "Unmarshal type error: expected=main.DidPayload, got=string, field=, offset=3");
  EXPECT_EQ(outcome("7 "), "Unmarshal type error: expected=main.DidPayload, got=number, field=, offset=1");
}

TEST(DidList, SyntaxErrorsAreToldInTheFrameworksWords) {
  EXPECT_EQ(outcome("hello"), "Syntax error: offset=1, error=invalid character 'h' looking for beginning of value");
  EXPECT_EQ(outcome("{dids"),
            "Syntax error: offset=2, error=invalid character 'd' looking for beginning of object key string");
  EXPECT_EQ(outcome(R"({"dids" ["x"]})"), "Syntax error: offset=9, error=invalid character '[' after object key");
  EXPECT_EQ(outcome(R"({"dids":["x" "y"]})"),
            "Syntax error: offset=14, error=invalid character '\"' after array element");
  EXPECT_EQ(outcome(R"({"dids":[] 1})"),
            "Syntax error: offset=12, error=invalid character '1' after object key:value pair");
  EXPECT_EQ(outcome("{\"dids\":[\"a\nb\"]}"),
            "Syntax error: offset=12, error=invalid character '\\n' in string literal");
  EXPECT_EQ(outcome(R"({"dids":["\x"]})"),
            "Syntax error: offset=12, error=invalid character 'x' in string escape code");
  EXPECT_EQ(outcome(R"({"dids":[tru3]})"),
            "Syntax error: offset=13, error=invalid character '3' in literal true (expecting 'e')");
  EXPECT_EQ(outcome(R"({"dids":["x",]})"),
            "Syntax error: offset=14, error=invalid character ']' looking for beginning of value");
  EXPECT_EQ(outcome("\xc3\xa9"),
            "Syntax error: offset=1, error=invalid character '\xc3\x83' looking for beginning of value");
  EXPECT_EQ(outcome(R"({"dids":7,"x":})"),
            "Syntax error: offset=15, error=invalid character '}' looking for beginning of value")
      << "syntax comes before types";
}

TEST(DidList, TruncatedAndEmptyBodiesAreTold) {
  EXPECT_EQ(outcome(""), "EOF");
  EXPECT_EQ(outcome(" \n"), "EOF");
  for (const char* text : {"{", R"({"dids)", R"({"dids":)", R"({"dids":[)", R"({"dids":["a\)", R"({"dids":["a\u00)",
                           R"({"dids":["x"],)", "tru", "-", "1.", "1e"}) {
    EXPECT_EQ(outcome(text), "unexpected EOF") << text;
  }
}

}  // namespace
}  // namespace tap::api
