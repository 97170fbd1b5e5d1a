// SPDX-License-Identifier: MIT
#include "tap/app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace tap::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

Invocation read(std::vector<std::string> arguments, const Environment& environment = {}) {
  return read_command_line(std::move(arguments), environment);
}

TEST(CommandLine, WithoutFlagsTheDefaultsHold) {
  const auto invocation = read({"run"});

  ASSERT_TRUE(invocation.run) << invocation.error;
  EXPECT_EQ(invocation.config.db_url, "sqlite://./tap.db");
  EXPECT_EQ(invocation.config.bind, ":2480");
  EXPECT_EQ(invocation.config.plc_url, "https://plc.directory");
  EXPECT_EQ(invocation.config.relay_url, "https://relay1.us-east.bsky.network");
  EXPECT_EQ(invocation.config.max_db_conn, 32);
  EXPECT_EQ(invocation.config.firehose_parallelism, 10);
  EXPECT_EQ(invocation.config.resync_parallelism, 5);
  EXPECT_EQ(invocation.config.outbox_parallelism, 1);
  EXPECT_EQ(invocation.config.cursor_save_interval, 1s);
  EXPECT_FALSE(invocation.config.no_replay);
  EXPECT_EQ(invocation.config.repo_fetch_timeout, 300s);
  EXPECT_EQ(invocation.config.ident_cache_size, 2'000'000);
  EXPECT_EQ(invocation.config.outbox_capacity, 100'000);
  EXPECT_FALSE(invocation.config.disable_acks);
  EXPECT_FALSE(invocation.config.outbox_only);
  EXPECT_EQ(invocation.config.retry_timeout, 60s);
  EXPECT_EQ(invocation.config.log_level, "info");
  EXPECT_THAT(invocation.config.collection_filters, IsEmpty());
}

TEST(CommandLine, AFlagWinsOverTheEnvironmentAndThatOverTheDefault) {
  const Environment environment = {{"TAP_BIND", ":1"}, {"TAP_DATABASE_URL", "sqlite://env.db"}};

  const auto invocation = read({"run", "--bind", ":2"}, environment);

  ASSERT_TRUE(invocation.run);
  EXPECT_EQ(invocation.config.bind, ":2");
  EXPECT_EQ(invocation.config.db_url, "sqlite://env.db");
}

TEST(CommandLine, EveryOptionIsReadFromEachOfItsVariables) {
  for (const Option& option : options()) {
    const bool is_text = option.type() == "TEXT" || option.type() == "LIST";
    for (const std::string_view name : option.environment) {
      const Environment environment = {{std::string(name), "no number"}};
      const auto invocation = read({"run"}, environment);

      EXPECT_EQ(invocation.run, is_text) << name;
      if (!is_text) {
        EXPECT_THAT(invocation.error, HasSubstr("environment variable \"" + std::string(name) + "\"")) << name;
      }
    }
  }
}

TEST(CommandLine, FlagsAndVariablesAreUnique) {
  std::set<std::string_view> names;
  for (const Option& option : options()) {
    EXPECT_TRUE(names.insert(option.flag).second) << option.flag;
    for (const std::string_view name : option.environment) EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_FALSE(option.help.empty()) << option.flag;
  }
}

TEST(CommandLine, TheFirstVariableOfSeveralCounts) {
  const Environment both = {{"TAP_PLC_URL", "http://first"}, {"ATP_PLC_HOST", "http://second"}};
  EXPECT_EQ(read({"run"}, both).config.plc_url, "http://first");
  EXPECT_EQ(read({"run"}, {{"ATP_PLC_HOST", "http://second"}}).config.plc_url, "http://second");
  EXPECT_EQ(read({"run"}, {{"RELAY_IDENT_CACHE_SIZE", "7"}}).config.ident_cache_size, 7);
}

TEST(CommandLine, AVariableIsNotParsedWhenItsFlagIsGiven) {
  const auto invocation = read({"run", "--max-db-conn", "3"}, {{"TAP_MAX_DB_CONNS", "rubbish"}});

  ASSERT_TRUE(invocation.run) << invocation.error;
  EXPECT_EQ(invocation.config.max_db_conn, 3);
}

TEST(CommandLine, AnEmptyVariableEmptiesTextsAndSwitchesOffAndElseKeepsTheDefault) {
  const auto invocation = read({"run"}, {{"TAP_RELAY_URL", ""},
                                         {"TAP_NO_REPLAY", ""},
                                         {"TAP_MAX_DB_CONNS", ""},
                                         {"TAP_RETRY_TIMEOUT", ""},
                                         {"TAP_COLLECTION_FILTERS", ""}});

  ASSERT_TRUE(invocation.run) << invocation.error;
  EXPECT_EQ(invocation.config.relay_url, "");
  EXPECT_FALSE(invocation.config.no_replay);
  EXPECT_EQ(invocation.config.max_db_conn, 32);
  EXPECT_EQ(invocation.config.retry_timeout, 60s);
  EXPECT_THAT(invocation.config.collection_filters, IsEmpty());
}

TEST(CommandLine, SwitchesTakeAValueOnlyBehindAnEqualsSign) {
  EXPECT_TRUE(read({"run", "--no-replay"}).config.no_replay);
  EXPECT_TRUE(read({"run", "--no-replay="}).config.no_replay);
  EXPECT_TRUE(read({"run", "--no-replay=T"}).config.no_replay);
  EXPECT_FALSE(read({"run", "--no-replay=false"}, {{"TAP_NO_REPLAY", "true"}}).config.no_replay);
  EXPECT_EQ(read({"run", "--no-replay", "false"}).status, 255);
  EXPECT_EQ(read({"run", "--no-replay=maybe"}).status, 255);
}

TEST(CommandLine, OneDashIsAsGoodAsTwo) { EXPECT_EQ(read({"run", "-bind", ":9"}).config.bind, ":9"); }

TEST(CommandLine, TheLastOfRepeatedFlagsCountsButListsGather) {
  const auto invocation =
      read({"run", "--bind=:1", "--bind=:2", "--collection-filters", "a.b.c,d.e.f", "--collection-filters=g.*"});

  EXPECT_EQ(invocation.config.bind, ":2");
  EXPECT_THAT(invocation.config.collection_filters, ElementsAre("a.b.c", "d.e.f", "g.*"));
}

TEST(CommandLine, UsageErrorsGoToStandardErrorWithStatus255) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"run", "--bogus"},
                                                    {"run", "--bind="},
                                                    {"run", "--bind"},
                                                    {"run", "--max-db-conn", "x"},
                                                    {"run", "--retry-timeout", "5"},
                                                    {"run", "stray"}}) {
    const auto invocation = read(arguments);

    EXPECT_FALSE(invocation.run);
    EXPECT_EQ(invocation.status, 255);
    EXPECT_THAT(invocation.error, StartsWith("Incorrect Usage: "));
    EXPECT_THAT(invocation.error, HasSubstr("\nERROR exiting process: "));
    EXPECT_EQ(invocation.out, "");
  }
}

TEST(CommandLine, AnUnknownCommandIsStatus3) {
  EXPECT_EQ(read({"serve"}).status, 3);
  EXPECT_FALSE(read({"serve"}).run);
}

TEST(CommandLine, ACheckKnowsTheDatabaseAndNothingElse) {
  const auto by_default = read({"check"});
  EXPECT_TRUE(by_default.check);
  EXPECT_FALSE(by_default.run);
  EXPECT_EQ(by_default.config.db_url, "sqlite://./tap.db");
  const Environment environment = {{"TAP_DATABASE_URL", "sqlite://env.db"}, {"TAP_MAX_DB_CONNS", "rubbish"}};
  EXPECT_EQ(read({"check"}, environment).config.db_url, "sqlite://env.db");
  EXPECT_EQ(read({"check", "--db-url", "other.db"}, environment).config.db_url, "other.db");
  EXPECT_EQ(read({"check", "--bind", ":1"}).status, 255);
  EXPECT_EQ(read({"check", "run"}).status, 255);
  EXPECT_THAT(read({"check", "--help"}).out, HasSubstr("--db-url"));
  EXPECT_THAT(read({"check", "--help"}).out, Not(HasSubstr("--bind")));
}

TEST(CommandLine, HelpAndVersionPrintAndEndWell) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--help"}, {"-h"}, {"help"}, {"run", "--help"}, {"run", "-h"}, {"--version"}}) {
    const auto invocation = read(arguments);

    EXPECT_FALSE(invocation.run);
    EXPECT_EQ(invocation.status, 0);
    EXPECT_NE(invocation.out, "");
  }
  EXPECT_TRUE(read({"run", "--version"}).run);  // the original ignores it there
}

TEST(CommandLine, HelpNamesEveryFlagAndVariable) {
  const std::string help = read({"run", "--help"}).out;

  for (const Option& option : options()) {
    EXPECT_THAT(help, HasSubstr("--" + std::string(option.flag)));
    for (const std::string_view name : option.environment) EXPECT_THAT(help, HasSubstr(std::string(name)));
  }
}

TEST(CommandLine, HelpFitsATerminalAndHasAllItsHeadings) {
  const std::string help = read({"run", "--help"}).out;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  for (const char* heading : {"Where everything is", "What is followed and told", "How it is delivered",
                              "Special starts", "How much at once", "How it is watched"}) {
    EXPECT_THAT(help, HasSubstr("\n\n" + std::string(heading) + ":\n  --"));
  }
  EXPECT_THAT(help, HasSubstr("default 1m0s; 1ms or more\n"));
  EXPECT_THAT(help, HasSubstr("default 10; 1 to 1000\n"));
  std::string joined = help;  // as if nothing had been wrapped
  for (std::size_t at = joined.find("\n      "); at != std::string::npos; at = joined.find("\n      ")) {
    joined.replace(at, 7, " ");
  }
  for (const Option& option : options()) EXPECT_THAT(joined, HasSubstr(std::string(option.help)));
}

TEST(CommandLine, SignalCollectionsAreOneOrMany) {
  EXPECT_THAT(read({"run"}, {{"TAP_SIGNAL_COLLECTION", "a.b.c"}}).config.signal_collection, ElementsAre("a.b.c"));
  EXPECT_THAT(read({"run", "--signal-collection", "a.b.c,d.e.*", "--signal-collection=f.g.h"}).config.signal_collection,
              ElementsAre("a.b.c", "d.e.*", "f.g.h"));
  EXPECT_THAT(read({"run"}, {{"TAP_SIGNAL_COLLECTION", ""}}).config.signal_collection, IsEmpty());
  EXPECT_TRUE(read({"run"}, {{"TAP_FULL_NETWORK", "1"}}).config.full_network);
}

}  // namespace
}  // namespace tap::app
