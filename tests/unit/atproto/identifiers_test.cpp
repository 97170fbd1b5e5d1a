// SPDX-License-Identifier: MIT
#include "tap/atproto/identifiers.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/dice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

namespace tap::atproto {
namespace {

using test::Dice;

/// Strings near to a grammar: made of its own pieces, so that about half of them belong to it.
std::string near_miss(Dice& dice, const std::vector<std::string>& pieces) {
  std::string out;
  for (std::size_t i = dice.below(8); i > 0; --i) out += dice.pick(pieces);
  return out;
}

/// Holds a check against the grammar as the specification's regular expression states it.
void expect_grammar(bool (*check)(std::string_view), const char* pattern, const std::vector<std::string>& pieces) {
  const std::regex grammar(pattern);
  Dice dice(1);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = near_miss(dice, pieces);
    const bool expected = std::regex_match(text, grammar);
    ASSERT_EQ(check(text), expected) << text;
    accepted += expected ? 1 : 0;
  }
  EXPECT_GT(accepted, 200);  // or the pieces prove nothing
}

TEST(Identifiers, DidsFollowTheirGrammar) {
  expect_grammar(is_did, "did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]",
                 {"did:", "plc:", "web:", "did:plc:", "did:a:", ":", "%", "x", "A9", ".", "_", "-", "P", " ", "\n"});
}

TEST(Identifiers, HandlesFollowTheirGrammar) {
  expect_grammar(is_handle, "([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?",
                 {"a", "b9", ".", ".", "-", "com", "9", "_", "\n", "xn--", "Z"});
}

TEST(Identifiers, NsidsFollowTheirGrammar) {
  expect_grammar(is_nsid,
                 "[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
                 "(\\.[a-zA-Z][a-zA-Z0-9]{0,62})",
                 {"app.bsky.", "a.", ".", "bsky", "-", "9", "feedPost", "*", "x", "com.b9.c"});
}

TEST(Identifiers, RecordKeysFollowTheirGrammar) {
  expect_grammar([](std::string_view text) { return is_rkey(text); }, "(?!\\.{1,2}$)[a-zA-Z0-9_~.:-]{1,512}",
                 {".", "..", "a", "~", ":", "_", "-", "/", "%", "9"});
}

TEST(Identifiers, LengthsEndWhereTheSpecificationSaysSo) {
  const std::string label(63, 'a');
  EXPECT_TRUE(is_did("did:plc:" + std::string(2040, 'a')));
  EXPECT_FALSE(is_did("did:plc:" + std::string(2041, 'a')));
  EXPECT_TRUE(is_handle(label + ".com"));
  EXPECT_FALSE(is_handle(label + "a.com"));
  const std::string handle = label + "." + label + "." + label + ".";  // 192
  EXPECT_TRUE(is_handle(handle + std::string(61, 'a')));
  EXPECT_FALSE(is_handle(handle + std::string(62, 'a')));
  const std::string nsid = label + "." + label + "." + label + "." + label + ".";  // 256
  EXPECT_TRUE(is_nsid(nsid + std::string(61, 'b')));
  EXPECT_FALSE(is_nsid(nsid + std::string(62, 'b')));
  EXPECT_TRUE(is_rkey(std::string(512, 'a')));
  EXPECT_FALSE(is_rkey(std::string(513, 'a')));
}

TEST(Identifiers, EveryByteOutsideAsciiIsRefused) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const bool alnum = byte < 128 && std::isalnum(byte) != 0;
    EXPECT_EQ(is_handle(std::string("a") + c + "b.com"), alnum || c == '-' || c == '.') << byte;
    EXPECT_EQ(is_rkey(std::string("a") + c), alnum || std::string_view("_~.:-").contains(c)) << byte;
  }
}

TEST(Identifiers, DidKnowsItsParts) {
  const auto did = Did::parse("did:web:host%3A80:path");
  ASSERT_TRUE(did);
  EXPECT_EQ(did->method(), "web");
  EXPECT_EQ(did->identifier(), "host%3A80:path");
  EXPECT_EQ(Did().method(), "");
  EXPECT_EQ(Did().identifier(), "");
  EXPECT_EQ(Did::parse("did:plc").error(), Errc::bad_did);
}

TEST(Identifiers, ReservedDomainsAreKnownInAnyCase) {
  for (const char* tld : {"alt", "arpa", "example", "internal", "INVALID", "local", "LocalHost", "onion"}) {
    EXPECT_TRUE(has_reserved_tld(std::string("a.") + tld)) << tld;
  }
  EXPECT_FALSE(has_reserved_tld("a.test"));
  EXPECT_FALSE(has_reserved_tld("local.com"));
  EXPECT_TRUE(has_reserved_tld("local"));
  EXPECT_EQ(normalize_handle("AbC-9.TEST"), "abc-9.test");
}

TEST(Identifiers, PathsHaveExactlyTwoValidParts) {
  const auto path = parse_path("app.bsky.feed.post/3jzfcijpj2z2a");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->collection, "app.bsky.feed.post");
  EXPECT_EQ(path->rkey, "3jzfcijpj2z2a");
  for (const char* bad : {"", "/", "a.b.c", "a.b.c/", "/k", "/a.b.c/k", "a.b.c/k/x", "a.b/k", "a.b.c/.", "a.b.c/.."}) {
    const auto refused = parse_path(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error(), Errc::bad_path);
  }
}

TEST(Tid, RoundTripsEveryValueInOrder) {
  Dice dice(2);
  std::vector<Tid> tids = {Tid(0), Tid(1), Tid(31), Tid(32), Tid(UINT64_MAX)};
  for (int i = 0; i < 2000; ++i) tids.emplace_back(dice.word() >> dice.below(64));
  for (std::size_t i = 0; i < tids.size(); ++i) {
    const auto back = Tid::parse(tids[i].str());
    ASSERT_TRUE(back) << tids[i].str();
    EXPECT_EQ(*back, tids[i]);
    if (i > 0) {
      EXPECT_EQ(tids[i - 1] < tids[i], tids[i - 1].str() < tids[i].str());
    }
  }
}

TEST(Tid, HasItsLayout) {
  const auto tid = Tid::parse("3jzfcijpj2z2a");
  ASSERT_TRUE(tid);
  EXPECT_EQ(tid->value(), 1728652679052295174U);
  EXPECT_EQ(tid->micros(), 1688137381887007U);
  EXPECT_EQ(Tid().str(), "2222222222222");
}

TEST(Tid, FollowsItsGrammar) {
  Dice dice(3);
  const std::string alphabet = "234567abcdefghijklmnopqrstuvwxyz";
  const std::regex grammar("[234567abcdefghij][234567a-z]{12}");
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int n = 0; n < 13; ++n) text += alphabet[dice.below(alphabet.size())];
    if (dice.chance(30)) text[dice.below(13)] = static_cast<char>(dice.byte());
    if (dice.chance(5)) text += '2';
    if (dice.chance(5)) text.pop_back();
    ASSERT_EQ(Tid::parse(text).has_value(), std::regex_match(text, grammar)) << text;
  }
}

TEST(Datetime, FollowsTheCalendar) {
  for (const char* good : {"1985-04-12T23:20:50.123Z", "0000-01-01T00:00:00.000Z", "2024-02-29T00:00:00Z",
                           "2000-02-29T23:59:59+23:59", "9999-12-31T23:59:59.12345678901234567890Z",
                           "0000-01-01T01:00:00+01:00", "0000-01-01T00:00:00-01:00", "0000-01-02T00:00:00+23:59"}) {
    EXPECT_TRUE(is_datetime(good)) << good;
  }
  for (const char* bad : {"",
                          "1985-04-12",
                          "1985-04-12T23:20:50.123",
                          "1985-04-12t23:20:50Z",
                          "1985-04-12T23:20:50z",
                          "1985-04-12T23:20:50.Z",
                          "1985-04-12T23:20:50,1Z",
                          "1985-04-12T23:20:60Z",
                          "1985-04-12T24:00:00Z",
                          "1985-04-12T23:60:00Z",
                          "1985-13-12T23:20:50Z",
                          "1985-00-12T23:20:50Z",
                          "1985-04-31T23:20:50Z",
                          "1985-04-00T23:20:50Z",
                          "1985-02-29T00:00:00Z",
                          "1900-02-29T00:00:00Z",
                          "1985-04-12T23:20:50-00:00",
                          "1985-04-12T23:20:50+24:00",
                          "1985-04-12T23:20:50+01:60",
                          "1985-04-12T23:20:50Z ",
                          "1985-04-12T23:20:50.123456789012345678901Z",
                          "0000-01-01T00:00:00+01:00",
                          "+1985-04-12T23:20:50Z",
                          "-001-04-12T23:20:50Z",
                          "1985-04-12T23:20:50+1:00",
                          "1985-04-12 23:20:50Z"}) {
    EXPECT_FALSE(is_datetime(bad)) << bad;
  }
}

TEST(Datetime, IsAnInstantToTheMicrosecond) {
  using namespace std::chrono;
  const WallTime second = sys_days(year_month_day(year(2024), month(2), day(29))) + 12h + 34min + 56s;
  EXPECT_EQ(parse_datetime("2024-02-29T12:34:56Z"), second);
  EXPECT_EQ(parse_datetime("2024-02-29T12:34:56.5Z"), second + 500ms);
  EXPECT_EQ(parse_datetime("2024-02-29T12:34:56.12345678Z"), second + 123'456us);
  EXPECT_EQ(parse_datetime("2024-02-29T12:34:56+01:30"), second - 90min);
  EXPECT_EQ(parse_datetime("2024-02-29T12:34:56-01:30"), second + 90min);
  EXPECT_EQ(parse_datetime("soon"), std::nullopt);
}

TEST(Datetime, HasTheDaysThatTheLibraryHas) {
  using namespace std::chrono;
  for (int year = 1890; year < 2110; ++year) {
    for (unsigned month = 0; month <= 13; ++month) {
      for (unsigned day = 27; day <= 32; ++day) {
        char text[32];
        std::snprintf(text, sizeof text, "%04d-%02u-%02uT00:00:00Z", year, month, day);
        const bool real =
            year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)).ok();
        ASSERT_EQ(is_datetime(text), real) << text;
      }
    }
  }
}

}  // namespace
}  // namespace tap::atproto
