// SPDX-License-Identifier: MIT
// The two shapes of a line on standard output, and the keys of the messages (protocol 11.10).
#include "contract/contract.hpp"
#include "contract/raw_http.hpp"
#include "integration/receiver.hpp"
#include "support/atproto/shared_dir.hpp"
#include "support/net/ws_wire.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>

namespace tap::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::EndsWith;
using ::testing::MatchesRegex;
using Json = nlohmann::ordered_json;

/// What a message is to have, besides time, level and msg.
struct Line {
  std::string row;  ///< the message
  std::string level;
  std::string component;  ///< empty: a line of the program's own, without system
  std::vector<std::string> keys;
};

const std::vector<Line> kLines = {
    {"creating tap service", "INFO", "", {"relayUrl", "plcUrl"}},
    {"startup complete", "INFO", "", {"bind", "port", "repos", "undelivered"}},
    {"serving metrics", "INFO", "", {"addr", "port"}},
    {"shutting down", "INFO", "", {}},
    {"received a signal", "INFO", "", {"signal"}},
    {"listening", "INFO", "server", {"addr", "port"}},
    {"added dids", "INFO", "server", {"count", "new"}},
    {"connected to the relay", "INFO", "firehose", {"relayUrl", "cursor"}},
    {"the connection to the relay ended", "WARN", "firehose", {"error"}},
    {"repo will be fetched again", "WARN", "firehose", {"did", "seq", "error"}},
    {"account status changed", "INFO", "firehose", {"did", "status"}},
    {"skipped a malformed frame", "WARN", "firehose", {"error"}},
    {"resynced a repo", "INFO", "resyncer", {"did", "rev", "size", "count"}},
    {"failed to resync a repo", "WARN", "resyncer", {"did", "retries", "error"}},
    {"a host wants to be left alone", "WARN", "resyncer", {"host", "seconds"}},
    {"failed to list repos", "WARN", "crawler", {"list", "error", "retry_in_ms"}},
    {"events are unacked for too long, sending again", "INFO", "outbox", {"count"}},
    {"consumer disconnected", "INFO", "channel", {"remote", "reason", "count"}},
    {"stopped", "INFO", "stopper", {"step"}},
};
const std::vector<std::string> kRefusedKeys = {"id", "retries", "url", "error"};
const std::vector<std::string> kSetAsideKeys = {"id", "did", "rev", "collection", "rkey", "attempts", "reason"};

/// One program that meets all that.
class Log : public ::testing::TestWithParam<Line> {
 protected:
  static void SetUpTestSuite() {
    SharedTap tap;
    Account alice(1);
    Account missing(2);
    Account crowded(3);
    for (Account* account : {&alice, &missing, &crowded}) {
      account->fill(2);
      tap.publish(*account);
    }
    tap.pds_.answer(missing.did().str(), xrpc_error(400, "RepoNotFound"), 1'000);
    tap.pds_.answer(crowded.did().str(), Reply{.status = 429}, 1'000);
    tap.relay_.refuse_listing({.status = 503}, 1'000);
    tap.start({"--full-network", "--retry-timeout", "50ms", "--metrics-listen", "127.0.0.1:0"});
    tap.consume({.acks = false});
    tap.track(alice);
    tap.track(missing);
    for (const char* message : {"resynced a repo", "failed to resync a repo", "failed to list repos",
                                "events are unacked for too long, sending again"}) {
      (void)tap.tap().wait_for_line(message);
    }
    tap.track(crowded);
    (void)tap.tap().wait_for_line("a host wants to be left alone");
    (void)alice.post();
    tap.send(alice.sync());
    (void)tap.tap().wait_for_line("repo will be fetched again");
    tap.send(alice.status(false, "deactivated"));
    (void)tap.tap().wait_for_line("account status changed");
    tap.relay_.send_raw(server_frame(2, as_bytes("x")));
    (void)tap.tap().wait_for_line("skipped a malformed frame");
    tap.relay_.cut();
    (void)tap.tap().wait_for_line("the connection to the relay ended");
    RawHttp client(tap.port());
    client.send(
        "POST /info/%64id:plc:x?a=%20b HTTP/1.1\r\nHost: tap.example\r\nUser-Agent: tests/1\r\nX-Request-Id: r-1\r\n"
        "Content-Length: 3\r\n\r\nabc");
    answer_ = client.next();
    tap.tap().signal(SIGTERM);
    (void)tap.tap().wait_for_exit();
    for (const std::string& line : tap.tap().all_lines()) lines_.push_back(Json::parse(line));
  }

  /// The first line of which this holds.
  template <class Condition>
  static Json line_that(Condition holds) {
    const auto found = std::ranges::find_if(lines_, holds);
    if (found == lines_.end()) throw std::runtime_error("no such line");
    return *found;
  }
  static std::vector<std::string> keys_of(const Json& line) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : line.items()) keys.push_back(key);
    return keys;
  }
  static inline std::vector<Json> lines_;
  static inline HttpAnswer answer_;
};

TEST_P(Log, HasTheKeysOfItsMessageInOrder) {
  const Line& row = GetParam();
  const Json line = line_that([&](const Json& each) { return each.value("msg", "") == row.row; });
  std::vector<std::string> keys = {"time", "level", "msg"};
  if (!row.component.empty()) keys.insert(keys.end(), {"system", "component"});
  keys.insert(keys.end(), row.keys.begin(), row.keys.end());
  EXPECT_THAT(keys_of(line), ElementsAreArray(keys));
  EXPECT_EQ(line.at("level"), row.level);
  if (!row.component.empty()) {
    EXPECT_EQ(line.at("system"), "tap");
    EXPECT_EQ(line.at("component"), row.component);
  }
}
INSTANTIATE_TEST_SUITE_P(Of, Log, ::testing::ValuesIn(kLines), RowName());

TEST_F(Log, EveryLineIsAnObjectWithATimeInUtcToTheNanosecond) {
  for (const Json& line : lines_) {
    EXPECT_THAT(line.at("time").get<std::string>(), MatchesRegex("20..-..-..T..:..:..\\..........Z")) << line;
    EXPECT_EQ(line.contains("level"), line.contains("msg")) << line;
  }
}
TEST_F(Log, EveryLevelIsOneOfFour) {
  for (const Json& line : lines_) {
    if (line.contains("level"))
      EXPECT_THAT((std::vector{"DEBUG", "INFO", "WARN", "ERROR"}), Contains(line.at("level")));
  }
}
TEST_F(Log, AccessLineHasTheKeysOfTheOriginalInOrder) {
  const Json line = line_that([](const Json& each) { return each.value("id", "") == "r-1"; });
  EXPECT_THAT(keys_of(line),
              ElementsAreArray({"time", "id", "remote_ip", "host", "method", "uri", "user_agent", "status", "error",
                                "latency", "latency_human", "bytes_in", "bytes_out"}));
  EXPECT_EQ(line.at("remote_ip"), "127.0.0.1");
  EXPECT_EQ(line.at("host"), "tap.example");
  EXPECT_EQ(line.at("method"), "POST");
  EXPECT_EQ(line.at("uri"), "/info/%64id:plc:x?a=%20b") << "as received";
  EXPECT_EQ(line.at("user_agent"), "tests/1");
  EXPECT_EQ(line.at("status"), 405);
  EXPECT_EQ(line.at("error"), "code=405, message=Method Not Allowed");
  EXPECT_GT(line.at("latency").get<std::int64_t>(), 0);
  EXPECT_THAT(line.at("latency_human").get<std::string>(), EndsWith("s"));
  EXPECT_EQ(line.at("bytes_in"), 3);
  EXPECT_EQ(line.at("bytes_out"), answer_.body.size());
}

/// The keys that the protocol names beside those of every line.
std::vector<std::string> documented_keys(const std::string& protocol) {
  std::ifstream file(protocol);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string before = "plus per message ";
  const std::size_t begin = text.find(before) + before.size();
  std::istringstream list(text.substr(begin, text.find('.', begin) - begin));
  std::vector<std::string> keys;
  for (std::string key; std::getline(list >> std::ws, key, ',');) keys.push_back(key);
  return keys;
}
TEST(LogKeys, OfTheProtocolStandInARowAboveOrAreGoneByTheDocument) {
  TAP_SHARED_OR_SKIP(protocol, "spec/protocol.md");
  std::set<std::string> kept(kRefusedKeys.begin(), kRefusedKeys.end());
  kept.insert(kSetAsideKeys.begin(), kSetAsideKeys.end());
  for (const Line& row : kLines) kept.insert(row.keys.begin(), row.keys.end());
  std::ifstream file(TAP_SOURCE_DIR "/docs/operations.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = page.find("Keys of the original's messages that are gone");
  ASSERT_NE(begin, std::string::npos);
  const std::string gone = page.substr(begin, page.find("\n\n", begin) - begin);
  const auto keys = documented_keys(protocol);
  ASSERT_GT(keys.size(), 20U);
  for (const std::string& key : keys) {
    const bool is_gone = gone.find("`" + key + "`") != std::string::npos;
    EXPECT_NE(kept.contains(key), is_gone) << key;
  }
}

class LogMessage : public TapTest {};
TEST_F(LogMessage, WebhookSaysThatItFailsAndThatAnEventIsSetAside) {
  Receiver receiver(log_);
  receiver.answer([](const HttpRequest&) -> Reply { return {.status = 422}; });
  start({"--webhook-url", receiver.url(), "--max-attempts", "1"});
  Account alice(1);
  alice.fill(1);
  publish(alice);
  track(alice);
  const auto refused = tap().wait_for_line("webhook refuses an event");
  EXPECT_EQ(refused.at("component"), "webhook_client");
  for (const std::string& key : kRefusedKeys) EXPECT_TRUE(refused.contains(key)) << key;
  const auto aside = tap().wait_for_line("set an event aside that no consumer takes");
  EXPECT_EQ(aside.at("component"), "outbox");
  for (const std::string& key : kSetAsideKeys) EXPECT_TRUE(aside.contains(key)) << key;
  tap().kill();
}
TEST_F(LogMessage, DebugSaysMore) {
  start({"--log-level", "debug"});
  Account alice(1);
  alice.fill(1);
  publish(alice);
  track(alice);
  const auto line = tap().wait_for_line("fetching a repo");
  EXPECT_EQ(line.at("level"), "DEBUG");
  EXPECT_EQ(line.at("did"), alice.did().str());
  EXPECT_EQ(line.at("host"), pds_.url());
}

struct Level {
  std::string row;
  std::vector<std::string> shown;
};
class LogLevel : public TapTest, public ::testing::WithParamInterface<Level> {};
TEST_P(LogLevel, ShowsItselfAndAbove) {
  // A warning comes without asking: the relay refuses.
  relay_.refuse(503, {}, 100);
  launch({"--log-level", GetParam().row, "--retry-timeout", "1s"});
  ASSERT_TRUE(relay_.wait_for_subscriptions(2));  // it has told of the first refusal
  tap().signal(SIGTERM);
  (void)tap().wait_for_exit();
  std::set<std::string> shown;
  for (const std::string& line : tap().all_lines()) shown.insert(Json::parse(line).at("level"));
  EXPECT_THAT(shown, ElementsAreArray(GetParam().shown));
}
INSTANTIATE_TEST_SUITE_P(Of, LogLevel,
                         ::testing::Values(Level{"info", {"INFO", "WARN"}}, Level{"warn", {"WARN"}}, Level{"error", {}},
                                           Level{"nonsense", {"INFO", "WARN"}}),
                         RowName());

}  // namespace
}  // namespace tap::test
