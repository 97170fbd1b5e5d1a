// SPDX-License-Identifier: MIT
// What a webhook is sent, and which answers are an ack (protocol 11.4).
#include "contract/contract.hpp"
#include "contract/raw_http.hpp"
#include "integration/receiver.hpp"

#include <algorithm>

namespace tap::test {
namespace {

using ::testing::MatchesRegex;
using ::testing::SizeIs;

struct Answer {
  int status;
  bool is_ack;
};
const std::vector<Answer> kAnswers = {{200, true},  {201, true},  {202, true},  {204, true},  {299, true},
                                      {301, false}, {302, false}, {303, false}, {304, false}, {307, false},
                                      {308, false}, {400, false}, {401, false}, {404, false}, {500, false}};

/// One webhook, and an account for each answer: the first event of each account is answered like that, all else with
/// 200. The retries of all of them come together.
class WebhookAnswer : public ::testing::TestWithParam<Answer> {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<SharedTap>();
    receiver_ = std::make_unique<Receiver>(shared_->log_);
    receiver_->answer([](const HttpRequest& request) -> Reply {
      requests_.push_back(request);
      const std::string did = Event::parse(request.body).did();
      if (did_counts_[did]++ > 0) return {};
      return {.status = status_of_did_.at(did), .headers = {{"Location", "/elsewhere"}}};
    });
    shared_->start({"--webhook-url", receiver_->url()});
    std::vector<std::string> dids;
    for (const Answer& answer : kAnswers) {
      Account account(static_cast<std::uint64_t>(answer.status));
      account.fill(1);
      shared_->publish(account);
      dids.push_back(account.did().str());
      status_of_did_[dids.back()] = answer.status;
    }
    shared_->track(dids);
    wait_for("all events", [] { return shared_->get("/stats/repo-count").at("repo_count") == kAnswers.size(); });
    shared_->log_.wait_for_count(2 * kAnswers.size());
    shared_->await_undelivered(0);
  }
  static void TearDownTestSuite() {
    shared_.reset();
    receiver_.reset();
  }
  static std::vector<HttpRequest> requests_for(int status) {
    std::vector<HttpRequest> all;
    std::ranges::copy_if(requests_, std::back_inserter(all), [&](const HttpRequest& request) {
      return status_of_did_.at(Event::parse(request.body).did()) == status;
    });
    return all;
  }
  static inline std::unique_ptr<SharedTap> shared_;
  static inline std::unique_ptr<Receiver> receiver_;
  static inline std::map<std::string, int> status_of_did_, did_counts_;
  static inline std::vector<HttpRequest> requests_;  // the receiver's thread fills it; read when all is delivered
};

TEST_P(WebhookAnswer, IsAnAckOrTriedAgain) {
  const auto requests = requests_for(GetParam().status);
  ASSERT_THAT(requests, SizeIs(GetParam().is_ack ? 2 : 3));
  EXPECT_EQ(requests[0].body == requests[1].body, !GetParam().is_ack) << "the event is kept in flight";
  for (const HttpRequest& request : requests) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/hook") << "redirects are not followed";
    EXPECT_EQ(request.query.at("key"), "1");
    EXPECT_EQ(request.header("content-type"), "application/json");
    EXPECT_THAT(request.header("user-agent"), MatchesRegex("tap/[0-9.]+"));
    EXPECT_EQ(request.header("authorization"), "");
  }
}
INSTANTIATE_TEST_SUITE_P(Of, WebhookAnswer, ::testing::ValuesIn(kAnswers),
                         [](const auto& info) { return std::to_string(info.param.status); });

class WebhookAuthorization : public TapTest {
 protected:
  /// What the first request says.
  std::string with(const std::string& userinfo, const std::vector<std::string>& further, const std::string& headers) {
    Receiver receiver(log_);
    std::string url = receiver.url();
    url.insert(url.find("//") + 2, userinfo);
    std::vector<std::string> arguments = {"--webhook-url", url};
    arguments.insert(arguments.end(), further.begin(), further.end());
    start(arguments);
    Account account(1);
    account.fill(1);
    publish(account);
    const std::string body = nlohmann::json{{"dids", {account.did().str()}}}.dump();
    EXPECT_EQ(http_call(port(), {.method = "POST", .target = "/repos/add", .body = body, .headers = headers}).status,
              200);
    log_.wait_for_count(2);
    tap().kill();
    return "Authorization: " + receiver.last().header("authorization") + "\r\n";
  }
};
TEST_F(WebhookAuthorization, IsThePasswordOfAdmin) {
  EXPECT_EQ(with("", {"--admin-password", "secret"}, basic_authorization("admin", "secret")),
            basic_authorization("admin", "secret"));
}
TEST_F(WebhookAuthorization, IsTheUserOfTheUrlWithoutAPassword) {
  EXPECT_EQ(with("user:word@", {}, ""), basic_authorization("user", "word"));
}
TEST_F(WebhookAuthorization, OfAdminWinsOverTheUrl) {
  EXPECT_EQ(with("user:word@", {"--admin-password", "secret"}, basic_authorization("admin", "secret")),
            basic_authorization("admin", "secret"));
}

class WebhookMode : public TapTest {};
TEST_F(WebhookMode, HasNoChannel) {
  const Receiver receiver(log_);
  start({"--webhook-url", receiver.url(), "--disable-acks"});
  const auto answer = http_call(port(), {.target = "/channel"});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "{\"message\":\"websocket not available in webhook mode\"}\n");
  tap().kill();
}

}  // namespace
}  // namespace tap::test
