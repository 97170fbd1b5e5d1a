// SPDX-License-Identifier: MIT
// Events that go to a webhook instead of /channel.
#include "integration/receiver.hpp"
#include "integration/tap_test.hpp"

#include <atomic>

namespace tap::test {
namespace {

using ::testing::HasSubstr;

class Webhook : public TapTest {
 protected:
  void start_with_hook(std::vector<std::string> further = {}) {
    further.insert(further.end(), {"--webhook-url", receiver_.url()});
    start(further);
  }
  void fetch(Account& account) {
    publish(account);
    track(account);
    await_state(account, "active");
  }
  /// Between requests that are on their way together, what is historical has no order.
  void await_all(const Account& account) {
    await_undelivered(0);
    RecordCids records;
    for (const Event& event : log_.all()) {
      if (event.is_record) records[event.path()] = event.body.at("cid");
    }
    EXPECT_EQ(records, records_of_account(account));
  }
  Receiver receiver_{log_};
};

TEST_F(Webhook, GetsTheStoryOfARepoInOrder) {
  start_with_hook();
  Account alice(1);
  alice.fill(200);
  fetch(alice);
  for (int i = 0; i < 20; ++i) send(alice.post());
  log_.wait_for_count(221);
  await_all(alice);
  std::uint64_t last = 0;
  for (const Event& event : log_.all()) {
    if (!event.is_live()) continue;
    EXPECT_GT(event.id, last);
    last = event.id;
  }
  EXPECT_EQ(ids_of(log_.all()).size(), log_.all().size());

  const HttpRequest request = receiver_.last();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/hook");
  EXPECT_EQ(request.query.at("key"), "1");
  EXPECT_EQ(request.header("content-type"), "application/json");
  EXPECT_THAT(request.header("user-agent"), ::testing::StartsWith("tap/"));
  EXPECT_EQ(request.header("authorization"), "");
  EXPECT_LE(receiver_.server().connections(), 40U) << "connections are kept and used again";

  const auto refused = http_call(port(), {.target = "/channel"});
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, "{\"message\":\"websocket not available in webhook mode\"}\n");
}

TEST_F(Webhook, IsToldThePassword) {
  start_with_hook({"--admin-password", "secret"});
  Account alice(1);
  alice.fill(1);
  publish(alice);
  const std::string body = nlohmann::json{{"dids", {alice.did().str()}}}.dump();
  ASSERT_EQ(
      http_call(
          port(),
          {.method = "POST", .target = "/repos/add", .body = body, .headers = basic_authorization("admin", "secret")})
          .status,
      200);
  log_.wait_for_count(2);
  EXPECT_EQ(receiver_.last().header("authorization") + "\r\n",
            basic_authorization("admin", "secret").substr(std::string("Authorization: ").size()));
}

TEST_F(Webhook, FailuresAreTriedAgainAndRedirectsNotFollowed) {
  std::atomic<int> requests{0};
  receiver_.answer([&](const HttpRequest&) -> Reply {
    switch (requests++) {
      case 0:
        return {.status = 302, .headers = {{"Location", "/elsewhere"}}};
      case 1:
        return {.fault = Fault::cut};
      default:
        return {.status = 204, .framing = Framing::until_close, .keep_alive = false};
    }
  });
  start_with_hook();
  Account alice(1);
  alice.fill(3);
  fetch(alice);
  await_all(alice);
  for (const std::string& path : receiver_.paths()) EXPECT_EQ(path, "POST /hook");
  EXPECT_EQ(log_.all().front().body.value("status", ""), "active") << "the identity event held back the rest";
}

TEST_F(Webhook, HeadOfASuccessIsTheAckWhateverBecomesOfItsBody) {
  receiver_.answer([](const HttpRequest&) -> Reply {
    return {.body = std::string(100'000, '.'), .fault = Fault::cut_in_body, .fault_at = 50'000};
  });
  start_with_hook();
  Account alice(1);
  alice.fill(1);
  fetch(alice);
  await_undelivered(0);
  EXPECT_EQ(receiver_.paths().size(), 2U);
}

TEST_F(Webhook, ShutdownDoesNotWaitForOneThatHangs) {
  receiver_.answer([](const HttpRequest&) -> Reply { return {.fault = Fault::hang}; });
  start_with_hook();
  Account alice(1);
  alice.fill(5);
  fetch(alice);
  ASSERT_TRUE(receiver_.server().wait_for_hanging(1));
  const auto begun = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));

  receiver_.answer({});
  start_with_hook();
  await_all(alice);
}

TEST_F(Webhook, RefusedEventIsSetAsideAndCanBeReplayed) {
  std::atomic<bool> refuses{true};
  receiver_.answer([&](const HttpRequest& request) -> Reply {
    const bool poison = request.body.find("\"3poison\"") != std::string::npos;
    return {.status = poison && refuses ? 422 : 200};
  });
  start_with_hook({"--max-attempts", "1"});
  Account alice(1);
  alice.fill(2);
  fetch(alice);
  log_.wait_for_count(3);
  send(alice.commit({create("app.bsky.feed.post/3poison", post_record(1))}));
  send(alice.post());
  wait_for("a dead letter", [&] { return !get("/dead-letters").at("dead_letters").empty(); });
  await_undelivered(0);

  const auto letters = get("/dead-letters?did=" + alice.did().str()).at("dead_letters");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].at("reason"), "HTTP 422");
  EXPECT_EQ(letters[0].at("attempts"), 1);
  EXPECT_EQ(letters[0].at("event").at("record").at("rkey"), "3poison");
  const auto line = tap().wait_for_line("set an event aside that no consumer takes");
  EXPECT_EQ(line.at("did"), alice.did().str());
  EXPECT_EQ(line.at("rkey"), "3poison");

  stop();
  refuses = false;
  start_with_hook({"--max-attempts", "1"});
  const auto replayed =
      http_call(port(), {.method = "POST", .target = "/dead-letters/replay", .body = R"({"all":true})"});
  EXPECT_EQ(replayed.body, "{\"replayed\":1}\n");
  await_undelivered(0);
  EXPECT_TRUE(get("/dead-letters").at("dead_letters").empty());
  const Event last = log_.all().back();
  EXPECT_EQ(last.path(), "app.bsky.feed.post/3poison");
  EXPECT_GT(last.id, letters[0].at("id").get<std::uint64_t>());
}

TEST_F(Webhook, EventThatOnlyIsRefusedIsSetAsideThoughAttemptsHaveNoEnd) {
  receiver_.answer([](const HttpRequest& request) -> Reply {
    return {.status = request.body.find("\"3poison\"") != std::string::npos ? 400 : 200};
  });
  start_with_hook();
  Account alice(1);
  Account bob(2);
  for (Account* account : {&alice, &bob}) {
    account->fill(2);
    fetch(*account);
  }
  log_.wait_for_count(6);
  send(alice.commit({create("app.bsky.feed.post/3poison", post_record(1))}));
  send(alice.post());
  wait_for("a dead letter", [&] {
    send(bob.post());
    return !get("/dead-letters").at("dead_letters").empty();
  });
  await_undelivered(0);
  const auto letters = get("/dead-letters").at("dead_letters");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].at("event").at("record").at("rkey"), "3poison");
  EXPECT_GE(letters[0].at("attempts"), 3);
  EXPECT_THAT(of_did(log_.all(), alice.did().str()).back().path(), Not(HasSubstr("3poison"))) << "its repo went on";
}

TEST_F(Webhook, UrlThatIsNoneIsRefusedAtStart) {
  launch({"--webhook-url", "hook.example"});
  EXPECT_THAT(tap().wait_for_line("exiting process").at("error").get<std::string>(), HasSubstr("TAP_WEBHOOK_URL"));
  EXPECT_EQ(tap().wait_for_exit().code, 255);
}

}  // namespace
}  // namespace tap::test
