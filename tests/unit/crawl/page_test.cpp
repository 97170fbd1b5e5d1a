// SPDX-License-Identifier: MIT
#include "crawl/page.hpp"

#include "tap/crawl/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tap::crawl {
namespace {

std::vector<std::string> names(const Page& page) {
  std::vector<std::string> names;
  for (const atproto::Did& did : page.dids) names.push_back(did.str());
  return names;
}

TEST(Page, HasTheReposThatAreNotInactive) {
  const auto page = parse_page(R"({"cursor":"next","repos":[
    {"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","head":"bafy","rev":"3kaaaaaaaaaaa","active":true},
    {"did":"did:plc:bbbbbbbbbbbbbbbbbbbbbbbb","active":false,"status":"takendown"},
    {"did":"did:web:example.com"}]})");
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_EQ(names(*page), (std::vector<std::string>{"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "did:web:example.com"}));
  EXPECT_EQ(page->cursor, "next");
  EXPECT_EQ(page->malformed, 0U);
}

TEST(Page, WithoutACursorIsTheLast) {
  for (const char* text : {R"({"repos":[]})", R"({"repos":[],"cursor":null})", R"({"repos":[],"cursor":""})"}) {
    const auto page = parse_page(text);
    ASSERT_TRUE(page) << text;
    EXPECT_EQ(page->cursor, "") << text;
  }
}

TEST(Page, CountsEntriesThatNameNoRepo) {
  const auto page = parse_page(R"({"repos":[{"did":"alice"},{"did":7},{},null,"x",{"did":"did:web:example.com"}]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(names(*page), std::vector<std::string>{"did:web:example.com"});
  EXPECT_EQ(page->malformed, 5U);
}

TEST(Page, IsNothingElse) {
  const std::string long_cursor = R"({"repos":[],"cursor":")" + std::string(5'000, 'c') + "\"}";
  for (const std::string& text : {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
                                  std::string(R"({"repos":{}})"), std::string(R"({"repos":[)"),
                                  std::string(R"({"repos":[],"cursor":7})"), long_cursor, std::string(1 << 20, '[')}) {
    const auto page = parse_page(text);
    ASSERT_FALSE(page) << text.substr(0, 80);
    EXPECT_TRUE(page.error() == Errc::bad_page) << page.error().message();
  }
}

TEST(Refusal, RepeatsWordsOnly) {
  EXPECT_EQ(refusal({.status = 501}).message(), refusal({.status = 501, .body = "\xff"}).message());
  EXPECT_THAT(refusal({.status = 400, .body = "no such cursor"}).message(),
              testing::HasSubstr("HTTP 400: no such cursor"));
  EXPECT_EQ(refusal({.status = 400}), Errc::bad_request);
  EXPECT_EQ(refusal({.status = 404}), Errc::unsupported);
  EXPECT_LT(refusal({.status = 500, .body = std::string(1'000, 'x')}).message().size(), 400U);
}

}  // namespace
}  // namespace tap::crawl
