// SPDX-License-Identifier: MIT
#include "tap/deliver/webhook.hpp"

#include "deliver/webhook_answer.hpp"
#include "support/net_fakes.hpp"
#include "unit/outbox/outbox_fixture.hpp"

namespace tap::deliver {
namespace {

using namespace std::chrono_literals;
using outbox::EventId;
using outbox::Order;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kUrl = "https://hook.example/in?key=1";

class WebhookTest : public outbox::OutboxTest {
 protected:
  WebhookTest() {
    hook_options_.url = net::Url::parse(kUrl).value();
    hook_options_.backoff_unit = 1ms;
    http_.answer(kUrl, 200);
  }
  ~WebhookTest() override { stop(); }

  void begin() {
    start();
    hook_ = make_webhook(loop_.executor(), *outbox_, http_, clock_, jitter_, metrics_, hook_options_);
    delivery_ = std::make_unique<test::Background>(loop_, hook_->run());
  }
  void stop() {
    http_.gate.open();
    delivery_.reset();
    hook_.reset();
  }
  /// The ids of the events of all requests so far.
  [[nodiscard]] std::vector<std::string> posted() const {
    std::vector<std::string> ids;
    for (const net::Request& request : http_.requests) {
      const std::string_view rest = std::string_view(request.body).substr(6);
      ids.emplace_back(rest.substr(0, rest.find('x')));
    }
    return ids;
  }
  std::uint64_t requests(const char* status) {
    return metrics_.counter("tap_webhook_requests_total", "", {{"status", status}}).value();
  }
  bool is_set_aside_when_only_it_gets(int status);
  void expect_nothing_is_lost_when_all_get(int status);
  /// The answer of the one that has waited longest comes.
  void answer_one() {
    http_.gate.let_one_pass();
    loop_.settle();
  }

  test::FakeHttp http_{loop_.executor()};
  test::FixedJitter jitter_;
  WebhookOptions hook_options_;
  std::unique_ptr<Webhook> hook_;
  std::unique_ptr<test::Background> delivery_;
};

TEST_F(WebhookTest, PostsTheEventAndNothingElse) {
  hook_options_.url.userinfo = "admin:secret";
  begin();
  commit(1);
  ASSERT_THAT(http_.requests, SizeIs(1));
  const net::Request& request = http_.requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url.origin() + request.url.target, kUrl);
  EXPECT_EQ(request.url.userinfo, "admin:secret");
  EXPECT_EQ(request.body, "{\"id\":1xx");
  EXPECT_THAT(request.headers, ElementsAre(std::pair<std::string, std::string>("Content-Type", "application/json")));
  EXPECT_EQ(request.trust, net::Trust::operator_set);
  EXPECT_EQ(request.redirects, 0);
  EXPECT_EQ(request.timeout, 30s);
  EXPECT_EQ(outbox_->size(), 0U);
  EXPECT_EQ(requests("success"), 1U);
  EXPECT_EQ(metrics_.counter("tap_events_delivered_total", "").value(), 1U);
}

TEST_F(WebhookTest, AnySuccessIsTheAckWhateverItsBody) {
  begin();
  for (const int status : {200, 201, 202, 204, 299}) {
    http_.answer(kUrl, status, std::string(200'000, '.'));
    commit(1);
    EXPECT_EQ(outbox_->size(), 0U) << status;
  }
}

TEST_F(WebhookTest, EverythingElseIsTriedAgainUntilItIsTaken) {
  begin();
  std::uint64_t id = 0;
  for (const int status : {301, 302, 304, 307, 400, 401, 404, 410, 413, 422, 429, 500, 503}) {
    ++id;
    http_.answer(kUrl, status, "no", {{"location", "https://elsewhere.example"}});
    const std::size_t before = http_.requests.size();
    commit(1);
    loop_.run_until([&] { return http_.requests.size() >= before + 3; });
    EXPECT_EQ(outbox_->size(), 1U) << status;
    http_.answer(kUrl, 200);
    loop_.run_until([&] { return outbox_->size() == 0; });
    EXPECT_EQ(posted().back(), std::to_string(id));
  }
  http_.fail_with(kUrl, net::Errc::timed_out);
  commit(1);
  loop_.run_until([&] { return requests("error") >= 3; });
  EXPECT_EQ(outbox_->size(), 1U);
  EXPECT_GE(requests("non_2xx"), 39U);
  EXPECT_EQ(requests("success"), 13U);
}

TEST_F(WebhookTest, OrderIsThatOfTheProtocol) {
  begin();
  http_.gate.close();
  commit(2);
  commit(1, 1, Order::barrier);
  commit(2);
  commit(1, 1, Order::barrier);
  EXPECT_THAT(posted(), ElementsAre("1", "2"));
  answer_one();
  EXPECT_THAT(posted(), ElementsAre("1", "2")) << "the live one waits for both";
  answer_one();
  EXPECT_THAT(posted(), ElementsAre("1", "2", "3"));
  answer_one();
  EXPECT_THAT(posted(), ElementsAre("1", "2", "3", "4", "5"));
  answer_one();
  answer_one();
  EXPECT_THAT(posted(), ElementsAre("1", "2", "3", "4", "5", "6"));
}

TEST_F(WebhookTest, RetryKeepsTheEventInFlightAndItsLaneWaiting) {
  begin();
  http_.answer(kUrl, 503);
  commit(1, 1, Order::barrier);
  commit(1, 1, Order::barrier);
  loop_.run_until([&] { return http_.requests.size() >= 4; });
  pass(1h);
  for (const std::string& id : posted()) EXPECT_EQ(id, "1");
  EXPECT_EQ(metrics_.counter("tap_events_requeued_total", "").value(), 0U) << "the retry clock is not for it";
  http_.answer(kUrl, 200);
  loop_.run_until([&] { return outbox_->size() == 0; });
  EXPECT_EQ(posted().back(), "2");
}

TEST_F(WebhookTest, RequestsOnTheirWayAreBounded) {
  hook_options_.parallelism = 2;
  begin();
  http_.gate.close();
  for (std::uint64_t lane = 1; lane <= 5; ++lane) commit(1, lane);
  EXPECT_THAT(posted(), ElementsAre("1", "2"));
  answer_one();
  EXPECT_THAT(posted(), ElementsAre("1", "2", "3"));
  http_.gate.open();
  loop_.settle();
  EXPECT_EQ(outbox_->size(), 0U);
}

TEST_F(WebhookTest, WhatWaitsForItsRetryHoldsNobodyUp) {
  hook_options_.parallelism = 1;
  hook_options_.backoff_unit = 1h;
  begin();
  http_.answer(kUrl, 500);
  commit(1, 1);
  http_.answer(kUrl, 200);
  for (std::uint64_t lane = 2; lane <= 4; ++lane) commit(1, lane);
  EXPECT_THAT(posted(), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(outbox_->size(), 1U);
}

TEST_F(WebhookTest, RetriesGoBeforeNewEventsInOneLine) {
  hook_options_.parallelism = 1;
  begin();
  http_.answer(kUrl, 500);
  commit(1, 1);
  http_.gate.close();
  commit(1, 2);
  ASSERT_THAT(posted(), ElementsAre("1", "2"));
  for (std::uint64_t lane = 3; lane <= 6; ++lane) commit(1, lane);
  http_.answer(kUrl, 200);
  // The retry of the first stands in line once its millisecond is over.
  boost::asio::steady_timer timer(loop_.executor(), 20ms);
  bool over = false;
  timer.async_wait([&](const boost::system::error_code&) { over = true; });
  loop_.run_until([&] { return over; });
  answer_one();
  EXPECT_THAT(posted(), ElementsAre("1", "2", "1"));
}

TEST_F(WebhookTest, NothingNewIsTakenWhileTooManyWait) {
  hook_options_.backoff_unit = 1h;
  hook_options_.max_retrying = 3;
  begin();
  http_.fail_with(kUrl, net::Errc::connect_failed);
  for (std::uint64_t lane = 1; lane <= 9; ++lane) commit(1, lane);
  EXPECT_THAT(http_.requests, SizeIs(3));
  EXPECT_EQ(metrics_.gauge("tap_queue_depth", "", {{"queue", "webhook_retries"}}).value(), 3);
}

TEST_F(WebhookTest, MemoryOfWhatIsUnderWayIsBounded) {
  hook_options_.max_bytes = 1'000;
  begin();
  http_.gate.close();
  for (std::uint64_t lane = 1; lane <= 9; ++lane) commit(1, lane, Order::historical, 400);
  EXPECT_THAT(http_.requests, SizeIs(3)) << "one more than fits";
}

TEST_F(WebhookTest, ReceiverThatAsksForAPauseGetsIt) {
  begin();
  http_.answer(kUrl, 429, "", {{"retry-after", "120"}});
  commit(1, 1);
  http_.answer(kUrl, 200);
  commit(1, 2);
  EXPECT_THAT(posted(), ElementsAre("1")) << "not for others either";
}

TEST_F(WebhookTest, PauseEndsByItself) {
  hook_options_.longest_pause = 5ms;
  begin();
  http_.answer(kUrl, 503, "", {{"retry-after", "120"}});
  commit(1, 1);
  http_.answer(kUrl, 200);
  commit(1, 2);
  EXPECT_THAT(posted(), ElementsAre("1"));
  clock_.advance(5ms);
  loop_.run_until([&] { return outbox_->size() == 0; });
}

TEST_F(WebhookTest, PauseForOneEventIsNotOneForAll) {
  begin();
  http_.answer(kUrl, 500, "", {{"retry-after", "3600"}});
  commit(1, 1);
  http_.answer(kUrl, 200);
  commit(1, 2);
  EXPECT_THAT(posted(), ElementsAre("1", "2"));
  EXPECT_EQ(outbox_->size(), 1U);
}

TEST_F(WebhookTest, StopCutsWhatHangsAndGivesItBack) {
  begin();
  http_.gate.close();
  commit(2, 1);
  commit(1, 2, Order::barrier);
  ASSERT_THAT(http_.requests, SizeIs(3));
  delivery_.reset();
  EXPECT_EQ(outbox_->size(), 3U);
  outbox::FakeSink sink;
  outbox_->attach(sink);
  EXPECT_THAT(take(sink), testing::UnorderedElementsAre(1, 2, 3));
  outbox_->detach(sink);
}

TEST_F(WebhookTest, StopDoesNotWaitForRetries) {
  hook_options_.backoff_unit = 1h;
  begin();
  http_.answer(kUrl, 500);
  commit(1);
  delivery_.reset();
  EXPECT_EQ(outbox_->size(), 1U);
}

TEST_F(WebhookTest, WhatIsRefusedTooOftenIsSetAside) {
  options_.max_attempts = 3;
  begin();
  http_.answer(kUrl, 422);
  commit(1, 1, Order::barrier);
  commit(1, 1, Order::barrier);
  loop_.run_until([&] { return journal_.letters.size() == 1; });
  EXPECT_EQ(journal_.letters[0].event.id, EventId{1});
  EXPECT_EQ(journal_.letters[0].attempts, 3U);
  EXPECT_EQ(journal_.letters[0].reason, "HTTP 422");
  http_.answer(kUrl, 200);
  loop_.run_until([&] { return outbox_->size() == 0; });
  EXPECT_EQ(posted().back(), "2");
}

/// The first event gets an answer of its own, each time after another event was taken; three times, and the first time
/// before. True once it is set aside.
bool WebhookTest::is_set_aside_when_only_it_gets(int status) {
  begin();
  http_.gate.close();
  http_.status_of = [=](const net::Request& request) { return request.body.starts_with("{\"id\":1x") ? status : 200; };
  commit(1, 1, Order::barrier);
  commit(1, 1, Order::barrier);
  for (std::ptrdiff_t tries = 1; tries <= 4; ++tries) {
    EXPECT_THAT(journal_.letters, IsEmpty()) << "before try " << tries;
    loop_.run_until([&] { return std::ranges::count(posted(), "1") == tries; });
    commit(1, 2);
    answer_one();
    answer_one();
  }
  http_.gate.open();
  loop_.settle();
  return !journal_.letters.empty();
}

TEST_F(WebhookTest, WhatIsRefusedForGoodIsSetAsideWhateverTheAttempts) {
  EXPECT_TRUE(is_set_aside_when_only_it_gets(400));
  EXPECT_EQ(journal_.letters.at(0).event.id, EventId{1});
  EXPECT_EQ(journal_.letters.at(0).reason, "HTTP 400");
  loop_.run_until([&] { return outbox_->size() == 0; });
  EXPECT_EQ(std::ranges::count(posted(), "2"), 1) << "its repo went on";
}

TEST_F(WebhookTest, InternalErrorIsNeverForGood) { EXPECT_FALSE(is_set_aside_when_only_it_gets(500)); }

/// Two events are tried many times, both in vain, and then taken.
void WebhookTest::expect_nothing_is_lost_when_all_get(int status) {
  http_.answer(kUrl, status);
  commit(1, 1);
  commit(1, 2);
  loop_.run_until([&] { return http_.requests.size() > 40; });
  EXPECT_THAT(journal_.letters, IsEmpty());
  http_.answer(kUrl, 200);
  loop_.run_until([&] { return outbox_->size() == 0; });
}

TEST_F(WebhookTest, ReceiverThatRefusesEverythingCostsNoEvent) {
  begin();
  expect_nothing_is_lost_when_all_get(400);
}

TEST_F(WebhookTest, AnOutageCostsNoEvent) {
  options_.max_attempts = 1;
  begin();
  commit(9);
  expect_nothing_is_lost_when_all_get(500);
}

TEST_F(WebhookTest, InternalErrorCountsOnceOthersGetThrough) {
  options_.max_attempts = 1;
  begin();
  http_.answer(kUrl, 500);
  http_.gate.close();
  commit(1, 1);
  http_.answer(kUrl, 200);
  commit(1, 2);
  ASSERT_THAT(posted(), ElementsAre("1", "2"));
  answer_one();
  EXPECT_THAT(journal_.letters, IsEmpty());
  http_.answer(kUrl, 500);
  answer_one();
  http_.gate.open();
  loop_.run_until([&] { return journal_.letters.size() == 1; });
  EXPECT_EQ(journal_.letters[0].event.id, EventId{1});
}

TEST_F(WebhookTest, InternalErrorCountsOnlyWhenOthersGotThroughSinceTheLastAttempt) {
  options_.max_attempts = 2;
  begin();
  http_.answer(kUrl, 500);
  http_.gate.close();
  commit(1, 1);
  http_.answer(kUrl, 200);
  commit(1, 2);
  http_.answer(kUrl, 500);
  http_.gate.open();
  loop_.run_until([&] { return http_.requests.size() > 20; });
  EXPECT_THAT(journal_.letters, IsEmpty()) << "one attempt counts; then the receiver fails everybody";
}

TEST(WebhookAnswer, IsJudgedByWhomItSpeaksOf) {
  for (const int status : {200, 204, 299}) EXPECT_EQ(judge(status, false), Verdict::taken) << status;
  for (const int status : {400, 413, 415, 422}) EXPECT_EQ(judge(status, false), Verdict::refused) << status;
  EXPECT_EQ(judge(500, false), Verdict::failed);
  EXPECT_EQ(judge(500, true), Verdict::tripped);
  for (const int status : {199, 300, 302, 304, 308, 401, 403, 404, 405, 408, 410, 429, 501, 502, 503, 504, 599, 0}) {
    EXPECT_EQ(judge(status, true), Verdict::failed) << status;
  }
}

}  // namespace
}  // namespace tap::deliver
