// SPDX-License-Identifier: MIT
#include "app/values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Values, IntegersAreReadInEveryBaseThatGoKnows) {
  EXPECT_EQ(parse_int("0"), 0);
  EXPECT_EQ(parse_int("42"), 42);
  EXPECT_EQ(parse_int("-42"), -42);
  EXPECT_EQ(parse_int("+7"), 7);
  EXPECT_EQ(parse_int("017"), 15);
  EXPECT_EQ(parse_int("0x1F"), 31);
  EXPECT_EQ(parse_int("0X1f"), 31);
  EXPECT_EQ(parse_int("0o17"), 15);
  EXPECT_EQ(parse_int("0b101"), 5);
  EXPECT_EQ(parse_int("1_000"), 1000);
  EXPECT_EQ(parse_int("0x_1f"), 31);
  EXPECT_EQ(parse_int("12  "), 12);
}

TEST(Values, IntegersEndAtSixtyFourBits) {
  EXPECT_EQ(parse_int("9223372036854775807"), 0x7fff'ffff'ffff'ffff);
  EXPECT_EQ(parse_int("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_int("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_int("-9223372036854775809"), std::nullopt);
}

TEST(Values, WhatIsNoIntegerIsRefused) {
  for (const char* text :
       {"", " ", "-", "abc", "08", "1.0", "1e3", "0x", "0b2", "_1", "1_", "1__0", " 1", "--1", "1 2"}) {
    EXPECT_EQ(parse_int(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Values, DurationsAreReadInGoForm) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("300ms"), 300ms);
  EXPECT_EQ(parse_duration("1h2m3.5s"), 1h + 2min + 3500ms);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration(".5s"), 500ms);
  EXPECT_EQ(parse_duration("5.s"), 5s);
  EXPECT_EQ(parse_duration("-1s"), -1s);
  EXPECT_EQ(parse_duration("+1s"), 1s);
  EXPECT_EQ(parse_duration("7us"), 7us);
  EXPECT_EQ(parse_duration("7\u00b5s"), 7us);
  EXPECT_EQ(parse_duration("7\u03bcs"), 7us);
  EXPECT_EQ(parse_duration("9ns"), 9ns);
}

TEST(Values, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "5", "1.5", "s", ".s", "1d", "1 s", "1s ", "abc", "1s2", "-", "9223372037s",
                           "99999999999999999999s", "2562047h2562047h"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Values, BooleansHaveThirteenSpellings) {
  for (const char* text : {"1", "t", "T", "TRUE", "true", "True"}) EXPECT_EQ(parse_bool(text), true) << text;
  for (const char* text : {"0", "f", "F", "FALSE", "false", "False"}) EXPECT_EQ(parse_bool(text), false) << text;
  for (const char* text : {"", "yes", "no", "tRUE", "2", " true"}) EXPECT_EQ(parse_bool(text), std::nullopt) << text;
}

TEST(Values, ListsAreSplitButNotTrimmed) {
  EXPECT_THAT(split_list(""), IsEmpty());
  EXPECT_THAT(split_list("a"), ElementsAre("a"));
  EXPECT_THAT(split_list("a, b"), ElementsAre("a", " b"));
  EXPECT_THAT(split_list("a,"), ElementsAre("a", ""));
  EXPECT_THAT(split_list(",a"), ElementsAre("", "a"));
}

TEST(Values, DurationsArePrintedSoThatTheyReadBack) {
  for (const auto duration :
       {0ns, 1ns, 1'500'000ns, 500'000'000ns, std::chrono::nanoseconds::max(), std::chrono::nanoseconds(-90s),
        std::chrono::nanoseconds(1s), std::chrono::nanoseconds(300s), std::chrono::nanoseconds(25h + 1s)}) {
    EXPECT_EQ(parse_duration(print_duration(duration)), duration) << print_duration(duration);
  }
}

}  // namespace
}  // namespace tap::app
