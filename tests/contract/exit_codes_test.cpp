// SPDX-License-Identifier: MIT
// How the program ends, and what it says on the command line (protocol 11.6, 11.7).
#include "tap/app/config.hpp"

#include "contract/contract.hpp"

#include <csignal>

namespace tap::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class Signal : public TapTest {};

TEST_F(Signal, TermIsAnOrderlyEndWithStatus0) {
  start();
  tap().signal(SIGTERM);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 0}));
}
TEST_F(Signal, IntIsAnOrderlyEndWithStatus0) {
  start();
  tap().signal(SIGINT);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 0}));
}
TEST_F(Signal, TermWithinTheStartIsAnOrderlyEnd) {
  launch();
  (void)tap().wait_for_line("creating tap service");
  tap().signal(SIGTERM);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 0}));
}
TEST_F(Signal, HupEndsItAtOnce) {
  start();
  tap().signal(SIGHUP);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.signal = SIGHUP}));
}
TEST_F(Signal, QuitEndsItAtOnce) {
  start();
  tap().signal(SIGQUIT);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.signal = SIGQUIT}));
}
TEST_F(Signal, ShutdownDoesNotWaitForConsumers) {
  start();
  consume();
  stop();
  EXPECT_THAT(consumer().wait_for_end().opcodes, IsEmpty()) << "no close frame";
}

class Status1 : public TapTest {};

TEST_F(Status1, WhenTheAddressOfTheApiIsTaken) {
  leave_out("--bind");
  launch({"--bind", "127.0.0.1:" + std::to_string(relay_.server().port())});
  EXPECT_EQ(tap().wait_for_line("service error").at("level"), "ERROR");
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 1}));
}
TEST_F(Status1, WhenTheAddressOfTheMetricsIsTaken) {
  const std::string taken = "127.0.0.1:" + std::to_string(relay_.server().port());
  launch({"--metrics-listen", taken});
  EXPECT_THAT(tap().wait_for_line("service error").at("error").get<std::string>(), HasSubstr(taken));
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 1}));
}

TEST(Status255, WhenASettingMakesNoSense) {
  const Outcome run = run_tap({"run", "--relay-url", "nowhere"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 255}));
  const auto line = nlohmann::json::parse(run.out);
  EXPECT_EQ(line.at("msg"), "exiting process");
  EXPECT_EQ(line.at("level"), "ERROR");
  EXPECT_THAT(run.error, IsEmpty());
}
TEST(Status255, WhenTheDatabaseCannotBeOpened) {
  const Outcome run = run_tap({"run", "--db-url", "sqlite:///nowhere/at/all/tap.db"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 255}));
  EXPECT_THAT(run.out, HasSubstr("\"msg\":\"exiting process\""));
}
TEST(Status255, WhenAFlagIsUnknown) {
  const Outcome run = run_tap({"run", "--no-such-flag"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 255}));
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(run.error, StartsWith("Incorrect Usage: "));
  EXPECT_THAT(run.error, HasSubstr("ERROR exiting process"));
}
TEST(Status3, ForAnUnknownCommand) {
  const Outcome run = run_tap({"walk"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 3}));
  EXPECT_EQ(run.error, "No help topic for 'walk'\n");
}

TEST(CommandLine, WithoutACommandIsHelp) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{}, {"--help"}, {"-h"}, {"help"}}) {
    const Outcome run = run_tap(arguments);
    EXPECT_EQ(run.status, (ExitStatus{.code = 0}));
    EXPECT_THAT(run.out, HasSubstr("tap run [flags]"));
    EXPECT_THAT(run.out, HasSubstr("tap --version"));
  }
}
TEST(CommandLine, RunHelpListsEveryFlagItsVariablesAndItsDefault) {
  const Outcome run = run_tap({"run", "--help"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 0}));
  for (const app::Option& option : app::options()) {
    EXPECT_THAT(run.out, HasSubstr("  --" + std::string(option.flag)));
    for (const auto name : option.environment) EXPECT_THAT(run.out, HasSubstr(std::string(name)));
    EXPECT_THAT(run.out, HasSubstr(option.fallback()));
  }
}
TEST(CommandLine, VersionIsPrinted) {
  for (const char* flag : {"--version", "-v"}) {
    const Outcome run = run_tap({flag});
    EXPECT_EQ(run.status, (ExitStatus{.code = 0}));
    EXPECT_THAT(run.out, MatchesRegex("tap version [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  }
}
TEST(CommandLine, RunIgnoresVersionAsTheOriginalDoes) {
  EXPECT_THAT(run_tap({"run", "--version", "--plc-url", "x"}).reason(), HasSubstr("plc-url"));
}

}  // namespace
}  // namespace tap::test
