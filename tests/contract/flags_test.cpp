// SPDX-License-Identifier: MIT
// Every setting, as its flag and as each of its variables, by what it changes (protocol 11.8).
#include "tap/app/config.hpp"

#include "contract/contract.hpp"
#include "integration/receiver.hpp"
#include "support/atproto/shared_dir.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

namespace tap::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One way to give one setting.
struct Way {
  std::string row;
  std::string flag;
  std::string variable;  ///< empty: as the flag
};

std::vector<Way> all_ways() {
  std::vector<Way> ways;
  for (const app::Option& option : app::options()) {
    const std::string flag(option.flag);
    ways.push_back({"flag " + flag, flag, ""});
    for (const auto name : option.environment)
      ways.push_back({"variable " + std::string(name), flag, std::string(name)});
  }
  return ways;
}

class Setting : public TapTest, public ::testing::WithParamInterface<Way> {
 protected:
  /// Launches it with the row's setting at this value, given in the row's way.
  void launch_with(const std::string& value, std::vector<std::string> further = {}) {
    const std::string flag = "--" + GetParam().flag;
    leave_out(flag);
    if (GetParam().variable.empty()) {
      further.push_back(flag + "=" + value);
    } else {
      set_variable(GetParam().variable, value);
    }
    launch(further);
  }
  void start_with(const std::string& value, std::vector<std::string> further = {}) {
    launch_with(value, std::move(further));
    wait_for_start();
  }
  /// The same, and looks at its metrics.
  void expect_metric(const std::string& value, const std::string& series, double expected,
                     std::vector<std::string> further = {}) {
    further.insert(further.end(), {"--metrics-listen", "127.0.0.1:0"});
    start_with(value, std::move(further));
    EXPECT_EQ(value_of(metrics(), series), expected);
  }
  [[nodiscard]] std::string metrics() {
    return scrape(tap().wait_for_line("serving metrics").at("port").get<std::uint16_t>());
  }
  void expect_refusal(const std::string& value, const std::string& reason) {
    launch_with(value);
    EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 255}));
    EXPECT_THAT(tap().wait_for_line("exiting process").at("error").get<std::string>(), HasSubstr(reason));
  }
  /// But for the allocator's, which come when they please.
  [[nodiscard]] std::size_t threads() {
    std::size_t count = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(tap().pid()) + "/task")) {
      std::string name;
      std::ifstream(task.path() / "comm") >> name;
      count += name.starts_with("jemalloc") ? 0 : 1;
    }
    return count;
  }
  /// An account whose repo cannot be fetched: the reason that /info gives in the end.
  std::string failure_of(Account& account) {
    track(account);
    wait_for("a failure", [&] { return !get("/info/" + account.did().str()).at("error").get<std::string>().empty(); });
    return get("/info/" + account.did().str()).at("error");
  }
  void await_event(std::int64_t seq) {
    wait_for("the event", [&] { return get("/stats/cursors").at("firehose") == seq; });
  }
  Account account_of_posts(std::size_t posts) {
    Account account(1);
    account.fill(posts);
    publish(account);
    return account;
  }

  void relay_url();
  void plc_url();
  void db_url();
  void bind();
  void admin_password();
  void collection_filters();
  void signal_collection();
  void full_network();
  void webhook_url();
  void disable_acks();
  void retry_timeout();
  void max_attempts();
  void no_replay();
  void outbox_only();
  void firehose_parallelism();
  void repo_fetch_timeout();
  void repo_max_bytes();
  void cursor_save_interval();
  void allow_private_hosts();
  void metrics_listen();
  void log_level();

  using Effect = std::function<void(Setting&)>;
  static const std::map<std::string, Effect>& effects();
};

void Setting::relay_url() {
  launch_with(relay_.url());
  EXPECT_TRUE(relay_.wait_for_subscriptions(1));
}
void Setting::plc_url() {
  start_with(plc_.url());
  Account alice = account_of_posts(1);
  track(alice);
  wait_for("the directory is asked", [&] { return plc_.requests(alice.did().str()) > 0; });
}
void Setting::db_url() {
  const auto path = folder_.path() / "elsewhere.db";
  start_with("sqlite://" + path.string());
  EXPECT_TRUE(std::filesystem::exists(path));
}
void Setting::bind() {
  start_with("localhost:0");
  EXPECT_EQ(get("/health").at("status"), "ok");
  EXPECT_NE(port(), 2480);
}
void Setting::admin_password() {
  start_with("secret");
  EXPECT_EQ(http_call(port(), {.target = "/health"}).status, 401);
  EXPECT_EQ(http_call(port(), {.target = "/health", .headers = basic_authorization("admin", "secret")}).status, 200);
}
void Setting::collection_filters() {
  start_with("app.bsky.feed.like,app.bsky.graph.*");
  Account alice(1);
  alice.commit({create("app.bsky.feed.post/3kaaaaaaaaa2a", post_record(1)),
                create("app.bsky.feed.like/3kaaaaaaaaa2a", post_record(2)),
                create("app.bsky.graph.follow/3kaaaaaaaaa2a", post_record(3))});
  publish(alice);
  consume();
  track(alice);
  await_state(alice, "active");
  log_.wait_for_count(3);
  await_undelivered(0);
  EXPECT_THAT(actions_of(log_.all()), ::testing::UnorderedElementsAre("create app.bsky.feed.like/3kaaaaaaaaa2a",
                                                                      "create app.bsky.graph.follow/3kaaaaaaaaa2a"));
}
void Setting::signal_collection() {
  start_with("com.example.other,app.bsky.feed.post");
  ASSERT_TRUE(relay_.wait_for_subscriptions(1));
  Account alice = account_of_posts(1);
  send(alice.post());
  publish_repo(alice);
  await_state(alice, "active");
}
void Setting::full_network() {
  Account alice = account_of_posts(1);
  relay_.set_repos({{.did = alice.did().str()}});
  start_with("true");
  await_state(alice, "active");
  EXPECT_GE(relay_.listings(), 1U);
}
void Setting::webhook_url() {
  Receiver receiver(log_);
  start_with(receiver.url());
  Account alice = account_of_posts(1);
  track(alice);
  log_.wait_for_count(2);
  tap().kill();
}
void Setting::disable_acks() {
  start_with("1");
  consume({.acks = false});
  Account alice = account_of_posts(3);
  track(alice);
  log_.wait_for_count(4);
  await_undelivered(0);
}
void Setting::retry_timeout() {
  start_with("50ms");
  Consumer& silent = consume({.acks = false});
  Account alice = account_of_posts(1);
  track(alice);
  silent.wait_for_count(2);
  EXPECT_EQ(silent.received()[0].id, silent.received()[1].id);
}
void Setting::max_attempts() {
  start_with("1", {"--retry-timeout", "50ms"});
  consume({.acks = false});
  Account alice = account_of_posts(1);
  track(alice);
  wait_for("a dead letter", [&] { return !get("/dead-letters").at("dead_letters").empty(); });
}
void Setting::no_replay() {
  start();
  await_event(send(Account(9).identity()));
  stop();
  const std::size_t before = relay_.cursors().size();
  launch_with("true");
  ASSERT_TRUE(relay_.wait_for_subscriptions(before + 1));
  EXPECT_EQ(relay_.cursors().back(), std::nullopt);
}
void Setting::outbox_only() {
  start_with("true");
  tap().signal(SIGTERM);
  EXPECT_EQ(tap().wait_for_exit(), (ExitStatus{.code = 0}));
  EXPECT_THAT(relay_.cursors(), IsEmpty());
}
void Setting::firehose_parallelism() {
  start();
  const std::size_t by_default = threads();
  crash();
  start_with("1");
  EXPECT_EQ(by_default - threads(), std::clamp(std::thread::hardware_concurrency(), 1U, 10U) - 1);
}
void Setting::repo_fetch_timeout() {
  start_with("100ms");
  Account alice = account_of_posts(1);
  pds_.answer(alice.did().str(), {.fault = Fault::hang}, 1'000);
  EXPECT_THAT(failure_of(alice), HasSubstr("time"));
}
void Setting::repo_max_bytes() {
  start_with("1048576");
  Account alice = account_of_posts(5'000);
  ASSERT_GT(alice.full_car().size(), 1'048'576U);
  EXPECT_THAT(failure_of(alice), HasSubstr("too large"));
}
void Setting::cursor_save_interval() {
  const auto follow_with = [this](const std::string& interval) {
    const std::size_t before = relay_.cursors().size();
    start_with(interval, {"--metrics-listen", "127.0.0.1:0"});
    ASSERT_TRUE(relay_.wait_for_subscriptions(before + 1));
    await_event(send(Account(9).identity()));
  };
  follow_with("1h");
  crash();
  follow_with("10ms");
  EXPECT_EQ(relay_.cursors().back(), std::nullopt) << "there was no time to save it";
  wait_for("the cursor", [&] { return value_of(metrics(), "tap_firehose_saved_seq") == 2; });
}
void Setting::allow_private_hosts() {
  // On loopback by a name that does not look like it: the PDS is private, and nothing implies that it may be.
  const auto disguised = [](const std::string& url) { return "http://0.0.0.0" + url.substr(url.rfind(':')); };
  leave_out("--relay-url");
  leave_out("--plc-url");
  const std::vector<std::string> elsewhere = {"--relay-url", disguised(relay_.url()), "--plc-url",
                                              disguised(plc_.url())};
  Account alice = account_of_posts(1);
  start_with("false", elsewhere);
  EXPECT_THAT(failure_of(alice), HasSubstr("address not allowed"));
  tap().kill();
  start_with("true", elsewhere);
  track(alice);
  await_state(alice, "active");
}
void Setting::metrics_listen() {
  start_with("127.0.0.1:0");
  EXPECT_EQ(value_of(metrics(), "tap_events_delivered_total"), 0);
}
void Setting::log_level() {
  launch_with("error");
  ASSERT_TRUE(relay_.wait_for_subscriptions(1));
  EXPECT_THAT(tap().lines(), IsEmpty());
}

const std::map<std::string, Setting::Effect>& Setting::effects() {
  static const std::map<std::string, Effect> kEffects = {
      {"relay-url", &Setting::relay_url},
      {"plc-url", &Setting::plc_url},
      {"db-url", &Setting::db_url},
      {"bind", &Setting::bind},
      {"admin-password", &Setting::admin_password},
      {"collection-filters", &Setting::collection_filters},
      {"signal-collection", &Setting::signal_collection},
      {"full-network", &Setting::full_network},
      {"webhook-url", &Setting::webhook_url},
      {"disable-acks", &Setting::disable_acks},
      {"retry-timeout", &Setting::retry_timeout},
      {"max-attempts", &Setting::max_attempts},
      {"no-replay", &Setting::no_replay},
      {"outbox-only", &Setting::outbox_only},
      // How much is done at once shows in what the queues say of themselves.
      {"outbox-capacity", [](Setting& row) { row.expect_metric("123", "tap_queue_capacity{queue=\"outbox\"}", 123); }},
      {"outbox-parallelism",
       [](Setting& row) {
         const Receiver receiver(row.log_);
         row.expect_metric("3", "tap_queue_capacity{queue=\"webhook\"}", 96, {"--webhook-url", receiver.url()});
       }},
      {"resync-parallelism",
       [](Setting& row) { row.expect_metric("3", "tap_queue_capacity{queue=\"resync_workers\"}", 3); }},
      {"ident-cache-size", [](Setting& row) { row.expect_metric("77", "tap_identity_cache_capacity", 77); }},
      {"firehose-parallelism", &Setting::firehose_parallelism},
      {"repo-fetch-timeout", &Setting::repo_fetch_timeout},
      {"repo-max-bytes", &Setting::repo_max_bytes},
      {"cursor-save-interval", &Setting::cursor_save_interval},
      {"allow-private-hosts", &Setting::allow_private_hosts},
      {"metrics-listen", &Setting::metrics_listen},
      {"log-level", &Setting::log_level},
      // Files without a name cannot be seen, a folder that is missing can; of a server's connections there is no count
      // without a server; and TAP_ENV is taken and has no effect, as in the original.
      {"temp-dir", [](Setting& row) { row.expect_refusal("/nowhere/at/all", "/nowhere/at/all"); }},
      {"max-db-conn", [](Setting& row) { row.expect_refusal("0", "max-db-conn"); }},
      {"env", [](Setting& row) { row.start_with("prod"); }},
  };
  return kEffects;
}

TEST_P(Setting, Works) {
  const auto effect = effects().find(GetParam().flag);
  ASSERT_NE(effect, effects().end()) << "a new setting needs a row here";
  effect->second(*this);
}
INSTANTIATE_TEST_SUITE_P(By, Setting, ::testing::ValuesIn(all_ways()), RowName());

TEST(Settings, AreAllThoseOfTheProtocol) {
  TAP_SHARED_OR_SKIP(protocol, "spec/protocol.md");
  const auto rows = documented_rows(protocol, "11.8");
  ASSERT_GT(rows.size(), 20U);
  for (const std::string& row : rows) {
    if (!row.starts_with("--")) continue;
    EXPECT_NE(std::ranges::find(app::options(), row.substr(2), &app::Option::flag), app::options().end()) << row;
  }
}

/// Nobody's default changes unseen.
TEST(Settings, HaveTheDefaultsOfTheProtocol) {
  const std::map<std::string, std::string> defaults = {{"db-url", "sqlite://./tap.db"},
                                                       {"max-db-conn", "32"},
                                                       {"bind", ":2480"},
                                                       {"plc-url", "https://plc.directory"},
                                                       {"relay-url", "https://relay1.us-east.bsky.network"},
                                                       {"firehose-parallelism", "10"},
                                                       {"resync-parallelism", "5"},
                                                       {"outbox-parallelism", "1"},
                                                       {"cursor-save-interval", "1s"},
                                                       {"no-replay", "false"},
                                                       {"repo-fetch-timeout", "5m0s"},
                                                       {"ident-cache-size", "2000000"},
                                                       {"outbox-capacity", "100000"},
                                                       {"full-network", "false"},
                                                       {"signal-collection", ""},
                                                       {"disable-acks", "false"},
                                                       {"webhook-url", ""},
                                                       {"collection-filters", ""},
                                                       {"outbox-only", "false"},
                                                       {"admin-password", ""},
                                                       {"retry-timeout", "1m0s"},
                                                       {"log-level", "info"},
                                                       {"metrics-listen", ""},
                                                       {"env", "dev"}};
  for (const auto& [flag, fallback] : defaults) {
    EXPECT_EQ(std::ranges::find(app::options(), flag, &app::Option::flag)->fallback(), fallback) << flag;
  }
}

}  // namespace
}  // namespace tap::test
