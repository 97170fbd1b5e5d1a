// SPDX-License-Identifier: MIT
#include "tap/app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Dotenv, EveryFormOfAssignmentIsRead) {
  Environment environment;

  const auto bad_lines = add_dotenv(
      "# a comment\r\n"
      "PLAIN=value\r\n"
      "\r\n"
      "export EXPORTED = spaced out \n"
      "SINGLE='literal \\n # kept' # comment\n"
      "DOUBLE=\"two\\nlines, \\\"quoted\\\"\"\n"
      "COMMENTED=value # comment\n"
      "HASH=a#b\n"
      "EMPTY=\n"
      "LAST=no line end",
      environment);

  EXPECT_THAT(bad_lines, IsEmpty());
  EXPECT_THAT(environment, UnorderedElementsAre(Pair("PLAIN", "value"), Pair("EXPORTED", "spaced out"),
                                                Pair("SINGLE", "literal \\n # kept"),
                                                Pair("DOUBLE", "two\nlines, \"quoted\""), Pair("COMMENTED", "value"),
                                                Pair("HASH", "a#b"), Pair("EMPTY", ""), Pair("LAST", "no line end")));
}

TEST(Dotenv, TheEnvironmentWinsEvenWhenItIsEmpty) {
  Environment environment = {{"SET", "environment"}, {"BLANK", ""}};

  add_dotenv("SET=file\nBLANK=file\nNEW=file\n", environment);

  EXPECT_THAT(environment, UnorderedElementsAre(Pair("SET", "environment"), Pair("BLANK", ""), Pair("NEW", "file")));
}

TEST(Dotenv, TheLastLineOfANameCounts) {
  Environment environment;

  add_dotenv("NAME=first\nNAME=second\n", environment);

  EXPECT_THAT(environment, ElementsAre(Pair("NAME", "second")));
}

TEST(Dotenv, AMarkOfUtf8BelongsToNoName) {
  Environment environment;

  const auto bad_lines = add_dotenv("\xef\xbb\xbfNAME=value\n", environment);

  EXPECT_THAT(bad_lines, IsEmpty());
  EXPECT_THAT(environment, ElementsAre(Pair("NAME", "value")));
}

TEST(Dotenv, LinesThatAreNoVariableAreNamed) {
  Environment environment;

  const auto bad_lines = add_dotenv("GOOD=1\nno assignment\nBAD NAME=2\nOPEN='3\nOPEN2=\"4\nTAIL='5' 6\n", environment);

  EXPECT_THAT(bad_lines, ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(environment, ElementsAre(Pair("GOOD", "1")));
}

}  // namespace
}  // namespace tap::app
