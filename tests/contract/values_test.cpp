// SPDX-License-Identifier: MIT
// How values are spelt, where they come from, and what is refused (protocol 11.8). A value that was read shows in the
// complaint that it is out of range, so that nothing has to be started.
#include "tap/app/config.hpp"

#include "contract/contract.hpp"

#include <filesystem>

namespace tap::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Environment = std::map<std::string, std::string>;

struct Spelling {
  std::string row;
  std::string flag, text;
  std::string said;  ///< in the complaint
  void operator()(const Outcome& run) const {
    EXPECT_EQ(run.status, (ExitStatus{.code = 255})) << run.error;
    EXPECT_THAT(run.reason(), HasSubstr(said));
  }
};
class Read : public ::testing::TestWithParam<Spelling> {};
TEST_P(Read, AsAFlag) {
  const Spelling& row = GetParam();
  row(run_tap({"run", "--" + row.flag, row.text}));
}
TEST_P(Read, AsAVariable) {
  const Spelling& row = GetParam();
  std::string variable = "TAP_" + row.flag;
  for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  row(run_tap({"run"}, {{variable, row.text}}));
}
INSTANTIATE_TEST_SUITE_P(Int, Read,
                         ::testing::Values(Spelling{"decimal", "outbox-capacity", "17", "not 17"},
                                           Spelling{"hexadecimal", "outbox-capacity", "0x11", "not 17"},
                                           Spelling{"octal with o", "outbox-capacity", "0o21", "not 17"},
                                           Spelling{"octal with a leading zero", "outbox-capacity", "021", "not 17"},
                                           Spelling{"binary", "outbox-capacity", "0b10001", "not 17"},
                                           Spelling{"underscores", "outbox-capacity", "1_7", "not 17"},
                                           Spelling{"plus sign", "outbox-capacity", "+17", "not 17"},
                                           Spelling{"trailing spaces", "outbox-capacity", "17  ", "not 17"}),
                         RowName());
INSTANTIATE_TEST_SUITE_P(Duration, Read,
                         ::testing::Values(Spelling{"microseconds", "retry-timeout", "500us", "not 500us"},
                                           Spelling{"microseconds with mu", "retry-timeout", "500µs", "not 500us"},
                                           Spelling{"nanoseconds", "retry-timeout", "100000ns", "not 100us"},
                                           Spelling{"zero without unit", "retry-timeout", "0", "not 0s"},
                                           Spelling{"fraction", "retry-timeout", "0.25ms", "not 250us"}),
                         RowName());

struct Bad {
  std::string row;
  std::string flag, variable, type, text;
};
class Unreadable : public ::testing::TestWithParam<Bad> {};
TEST_P(Unreadable, FlagIsSaidOnStandardError) {
  const Bad& row = GetParam();
  const Outcome run = run_tap({"run", "--" + row.flag + "=" + row.text});
  EXPECT_EQ(run.status, (ExitStatus{.code = 255}));
  EXPECT_THAT(run.out, IsEmpty());
  const std::string what = "could not parse \"" + row.text + "\" as " + row.type + " value for flag " + row.flag;
  EXPECT_THAT(run.error, StartsWith("Incorrect Usage: " + what + "\n"));
  EXPECT_THAT(run.error, HasSubstr("ERROR exiting process"));
}
TEST_P(Unreadable, VariableIsSaidOnStandardError) {
  const Bad& row = GetParam();
  const Outcome run = run_tap({"run"}, {{row.variable, row.text}});
  EXPECT_EQ(run.status, (ExitStatus{.code = 255}));
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(run.error, HasSubstr("could not parse \"" + row.text + "\" as " + row.type +
                                   " value from environment variable \"" + row.variable + "\" for flag " + row.flag));
}
INSTANTIATE_TEST_SUITE_P(
    Int, Unreadable,
    ::testing::Values(Bad{"text", "max-db-conn", "TAP_MAX_DB_CONNS", "int", "abc"},
                      Bad{"octal digits that are none", "max-db-conn", "TAP_MAX_DB_CONNS", "int", "08"},
                      Bad{"exponent", "max-db-conn", "TAP_MAX_DB_CONNS", "int", "1e3"},
                      Bad{"fraction", "max-db-conn", "TAP_MAX_DB_CONNS", "int", "1.5"},
                      Bad{"beyond 64 bits", "max-db-conn", "TAP_MAX_DB_CONNS", "int", "9223372036854775808"}),
    RowName());
INSTANTIATE_TEST_SUITE_P(Duration, Unreadable,
                         ::testing::Values(Bad{"number without unit", "retry-timeout", "TAP_RETRY_TIMEOUT", "duration",
                                               "30"},
                                           Bad{"unknown unit", "retry-timeout", "TAP_RETRY_TIMEOUT", "duration", "1d"},
                                           Bad{"word", "retry-timeout", "TAP_RETRY_TIMEOUT", "duration", "soon"}),
                         RowName());
INSTANTIATE_TEST_SUITE_P(Bool, Unreadable,
                         ::testing::Values(Bad{"yes", "full-network", "TAP_FULL_NETWORK", "bool", "yes"},
                                           Bad{"TrUe", "full-network", "TAP_FULL_NETWORK", "bool", "TrUe"},
                                           Bad{"2", "full-network", "TAP_FULL_NETWORK", "bool", "2"}),
                         RowName());

/// Whether a switch was on shows in the complaint that it does not go with another one.
struct Switch {
  std::string row;
  bool on;
};
class Bool : public ::testing::TestWithParam<Switch> {
 protected:
  static void expect(const Outcome& run, bool on) {
    const std::string no_replay_was_on = "--no-replay cannot be used with --full-network";
    EXPECT_THAT(run.reason(), on ? HasSubstr(no_replay_was_on) : HasSubstr("outbox-capacity")) << run.error;
  }
  const std::vector<std::string> refused_ = {"run", "--full-network", "--outbox-capacity", "1"};
};
TEST_P(Bool, AsAFlag) {
  auto arguments = refused_;
  arguments.push_back("--no-replay=" + GetParam().row);
  expect(run_tap(arguments), GetParam().on);
}
TEST_P(Bool, AsAVariable) { expect(run_tap(refused_, {{"TAP_NO_REPLAY", GetParam().row}}), GetParam().on); }
INSTANTIATE_TEST_SUITE_P(Spelt, Bool,
                         ::testing::Values(Switch{"1", true}, Switch{"t", true}, Switch{"T", true},
                                           Switch{"TRUE", true}, Switch{"true", true}, Switch{"True", true},
                                           Switch{"0", false}, Switch{"f", false}, Switch{"F", false},
                                           Switch{"FALSE", false}, Switch{"false", false}, Switch{"False", false}),
                         RowName());
TEST(BoolFlag, AloneAndWithNothingBehindTheSignIsTrue) {
  for (const char* flag : {"--no-replay", "--no-replay=", "-no-replay"}) {
    EXPECT_THAT(run_tap({"run", "--full-network", flag}).reason(), HasSubstr("--no-replay cannot")) << flag;
  }
}
TEST(BoolFlag, StrayArgumentIsRefused) {
  EXPECT_EQ(run_tap({"run", "--no-replay", "false"}).status, (ExitStatus{.code = 255}));
}

/// Everything whose value cannot be empty, with nothing behind the sign.
TEST(EmptyFlag, IsRefusedForAllButSwitches) {
  for (const app::Option& option : app::options()) {
    if (option.is_switch()) continue;
    const Outcome run = run_tap({"run", "--" + std::string(option.flag) + "="});
    EXPECT_EQ(run.status, (ExitStatus{.code = 255})) << option.flag;
    EXPECT_THAT(run.error, HasSubstr("flag needs a value: --" + std::string(option.flag)));
  }
}

TEST(EmptyVariable, EmptiesATextSwitchesOffAndElseKeepsTheDefault) {
  EXPECT_THAT(run_tap({"run"}, {{"TAP_RELAY_URL", ""}}).reason(), HasSubstr("TAP_RELAY_URL"));
  const Environment empty = {
      {"TAP_NO_REPLAY", ""}, {"TAP_RETRY_TIMEOUT", ""}, {"TAP_OUTBOX_CAPACITY", ""}, {"TAP_COLLECTION_FILTERS", ""}};
  // Nothing is wrong before the last thing that is looked at.
  EXPECT_THAT(run_tap({"run", "--full-network", "--max-db-conn", "0"}, empty).reason(), HasSubstr("max-db-conn"));
}

struct Source {
  std::string row;
  std::vector<std::string> arguments;
  Environment environment;
  std::string dotenv;
  std::string value;  ///< the one that counts, refused
};
class Precedence : public ::testing::TestWithParam<Source> {};
TEST_P(Precedence, Holds) {
  const Source& row = GetParam();
  std::vector<std::string> arguments = {"run"};
  arguments.insert(arguments.end(), row.arguments.begin(), row.arguments.end());
  const Outcome run = run_tap(arguments, row.environment, row.dotenv);
  EXPECT_THAT(run.out, HasSubstr("not " + row.value + "\"")) << run.error;
}
INSTANTIATE_TEST_SUITE_P(
    Of, Precedence,
    ::testing::Values(
        Source{"flag over variable", {"--max-attempts", "-1"}, {{"TAP_MAX_ATTEMPTS", "-2"}}, "", "-1"},
        Source{
            "flag over a variable that is unreadable", {"--max-attempts", "-1"}, {{"TAP_MAX_ATTEMPTS", "x"}}, "", "-1"},
        Source{"variable over file", {}, {{"TAP_MAX_ATTEMPTS", "-2"}}, "TAP_MAX_ATTEMPTS=-3", "-2"},
        Source{"file over default", {}, {}, "TAP_MAX_ATTEMPTS=-3", "-3"},
        Source{"last of two flags", {"--max-attempts", "5", "--max-attempts", "-1"}, {}, "", "-1"},
        Source{"empty variable over file",
               {"--outbox-capacity", "1"},
               {{"TAP_MAX_ATTEMPTS", ""}},
               "TAP_MAX_ATTEMPTS=-3",
               "1"},
        Source{"TAP_IDENT_CACHE_SIZE", {}, {{"TAP_IDENT_CACHE_SIZE", "-1"}}, "", "-1"},
        Source{"RELAY_IDENT_CACHE_SIZE", {}, {{"RELAY_IDENT_CACHE_SIZE", "-2"}}, "", "-2"},
        Source{"TAP_IDENT_CACHE_SIZE over RELAY_IDENT_CACHE_SIZE",
               {},
               {{"TAP_IDENT_CACHE_SIZE", "-1"}, {"RELAY_IDENT_CACHE_SIZE", "-2"}},
               "",
               "-1"}),
    RowName());

struct Line {
  std::string row;
  std::string text;
};
class Dotenv : public ::testing::TestWithParam<Line> {};
TEST_P(Dotenv, LineIsRead) {
  EXPECT_THAT(run_tap({"run"}, {}, GetParam().text).out, HasSubstr("not -3\"")) << GetParam().text;
}
INSTANTIATE_TEST_SUITE_P(Form, Dotenv,
                         ::testing::Values(Line{"plain", "TAP_MAX_ATTEMPTS=-3\n"},
                                           Line{"export", "export TAP_MAX_ATTEMPTS=-3\n"},
                                           Line{"single quotes", "TAP_MAX_ATTEMPTS='-3'\n"},
                                           Line{"double quotes", "TAP_MAX_ATTEMPTS=\"-3\"\n"},
                                           Line{"comment behind", "TAP_MAX_ATTEMPTS=-3 # three\n"},
                                           Line{"comment before", "# three\nTAP_MAX_ATTEMPTS=-3\n"},
                                           Line{"CRLF", "TAP_ENV=x\r\nTAP_MAX_ATTEMPTS=-3\r\n"},
                                           Line{"no newline", "TAP_MAX_ATTEMPTS=-3"}),
                         RowName());
TEST(Dotenv, LineThatIsNoVariableIsNamed) {
  const Outcome run = run_tap({"run", "--max-attempts", "-1"}, {}, "TAP_ENV=x\nnonsense\n");
  EXPECT_THAT(run.out, HasSubstr("skipped a line of .env that is no variable"));
  EXPECT_THAT(run.out, HasSubstr("\"line\":2"));
}

TEST(Dotenv, ThatIsNoFileIsNamedAndNoHarm) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / ".env");  // where some keep their Python
  TapProcess process(
      {.binary = TAP_BINARY, .folder = folder.path(), .arguments = {"run", "--max-attempts", "-1"}, .environment = {}});
  EXPECT_THAT(process.wait_for_line("exiting process").at("error").get<std::string>(), HasSubstr("not -1"));
  EXPECT_EQ(process.wait_for_line(".env cannot be read").at("level"), "WARN");
}

/// What the original leaves unchecked, and what it says in our place: one line that names flag and variable.
struct Nonsense {
  std::string row;
  std::vector<std::string> arguments;
  std::vector<std::string> names;
};
class Refused : public ::testing::TestWithParam<Nonsense> {};
TEST_P(Refused, ByOneLineThatNamesFlagAndVariable) {
  const Nonsense& row = GetParam();
  std::vector<std::string> arguments = {"run"};
  arguments.insert(arguments.end(), row.arguments.begin(), row.arguments.end());
  const Outcome run = run_tap(arguments);
  EXPECT_EQ(run.status, (ExitStatus{.code = 255}));
  EXPECT_EQ(std::ranges::count(run.out, '\n'), 1);
  for (const std::string& name : row.names) EXPECT_THAT(run.reason(), HasSubstr(name));
}
INSTANTIATE_TEST_SUITE_P(
    Nonsense, Refused,
    ::testing::Values(
        Nonsense{"relay url",
                 {"--relay-url", "ftp://x"},
                 {"relay-url must start with http:// or https://", "--relay-url", "TAP_RELAY_URL"}},
        Nonsense{
            "plc url", {"--plc-url", "x"}, {"plc-url must start with http:// or https://", "--plc-url", "TAP_PLC_URL"}},
        Nonsense{"webhook url", {"--webhook-url", "hook.example"}, {"--webhook-url", "TAP_WEBHOOK_URL"}},
        Nonsense{"webhook url without a host",
                 {"--webhook-url", "https://:80"},
                 {"webhook-url cannot be read", "--webhook-url", "TAP_WEBHOOK_URL"}},
        Nonsense{"database url",
                 {"--db-url", "mysql://x"},
                 {"unsupported database URL scheme: must start with sqlite://, postgres://, or postgresql://",
                  "--db-url", "TAP_DATABASE_URL"}},
        Nonsense{
            "signal collection", {"--signal-collection", "post"}, {"--signal-collection", "TAP_SIGNAL_COLLECTION"}},
        Nonsense{"filter",
                 {"--collection-filters", "app.bsky.feed.post, app.bsky.feed.like"},
                 {"--collection-filters", "TAP_COLLECTION_FILTERS", " app.bsky.feed.like"}},
        Nonsense{"bind", {"--bind", "2480"}, {"--bind", "TAP_BIND"}},
        Nonsense{"metrics listen", {"--metrics-listen", "2481"}, {"--metrics-listen", "TAP_METRICS_LISTEN"}},
        Nonsense{"metrics at IPv6", {"--metrics-listen", "[::1]:2481"}, {"--metrics-listen", "TAP_METRICS_LISTEN"}},
        Nonsense{"temp dir", {"--temp-dir", "/nowhere/at/all"}, {"--temp-dir", "TAP_TEMP_DIR"}},
        Nonsense{"no replay of the whole network",
                 {"--no-replay", "--full-network"},
                 {"--no-replay cannot be used with --full-network", "TAP_NO_REPLAY", "TAP_FULL_NETWORK"}},
        Nonsense{"metrics at the address of the API",
                 {"--bind", ":2480", "--metrics-listen", ":2480"},
                 {"--metrics-listen", "TAP_METRICS_LISTEN", "--bind", "TAP_BIND"}}),
    RowName());

TEST_F(TapTest, SaysThatPrivateHostsMayBeAskedWhenARelayOnThisMachineImpliesIt) {
  start();
  EXPECT_EQ(tap().wait_for_line("hosts in private networks may be asked").at("reason"), "relay-url is on loopback");
}

/// What the original takes in silence though it does nothing, and which so many may have set.
struct Idle {
  std::string row;
  std::vector<std::string> arguments;
  std::vector<std::string> names;
};
class Idleness : public TapTest, public ::testing::WithParamInterface<Idle> {};
TEST_P(Idleness, IsAWarningThatNamesFlagAndVariable) {
  start(GetParam().arguments);
  const auto line = tap().wait_for_line("a setting has no effect");
  EXPECT_EQ(line.at("level"), "WARN");
  for (const std::string& name : GetParam().names) EXPECT_THAT(line.at("reason").get<std::string>(), HasSubstr(name));
}
INSTANTIATE_TEST_SUITE_P(Of, Idleness,
                         ::testing::Values(Idle{"acks of a webhook",
                                                {"--webhook-url", "http://127.0.0.1:1/", "--disable-acks"},
                                                {"--disable-acks", "TAP_DISABLE_ACKS"}},
                                           Idle{"attempts without acks",
                                                {"--disable-acks", "--max-attempts", "3"},
                                                {"--max-attempts", "TAP_MAX_ATTEMPTS"}},
                                           Idle{"the whole network where nothing is followed",
                                                {"--outbox-only", "--full-network"},
                                                {"--full-network", "TAP_FULL_NETWORK", "--outbox-only"}}),
                         RowName());

/// Every number of the table, below what it may be.
struct Number {
  std::string row, variable, value;
};
std::vector<Number> numbers_out_of_range() {
  std::vector<Number> rows;
  for (const app::Option& option : app::options()) {
    if (option.type() != "INT" && option.type() != "DURATION") continue;
    rows.push_back(
        {std::string(option.flag), std::string(option.environment.front()), option.type() == "INT" ? "-1" : "-1s"});
  }
  return rows;
}
class Negative : public ::testing::TestWithParam<Number> {};
TEST_P(Negative, NumberIsRefusedByFlagAndVariable) {
  const Number& row = GetParam();
  const Outcome run = run_tap({"run", "--" + row.row, row.value});
  EXPECT_EQ(run.status, (ExitStatus{.code = 255})) << run.error;
  EXPECT_THAT(run.reason(), HasSubstr(row.row + " (--" + row.row + ", " + row.variable + ") must be "));
  EXPECT_THAT(run.reason(), HasSubstr(", not " + row.value));
}
INSTANTIATE_TEST_SUITE_P(Of, Negative, ::testing::ValuesIn(numbers_out_of_range()), RowName());

}  // namespace
}  // namespace tap::test
