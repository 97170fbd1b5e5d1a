// SPDX-License-Identifier: MIT
// The order of a repo's events in each of the three modes (protocol 11.5): historical events (H) go together, a live
// event or an identity event (L, I) goes alone, after all before it and before all behind it.
#include "contract/contract.hpp"
#include "integration/receiver.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

namespace tap::test {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

/// A receiver that answers an event only when it is told to.
class HoldingReceiver {
 public:
  explicit HoldingReceiver(EventLog& log)
      : log_(log), server_([this](const HttpRequest& request) { return take(request); }) {}
  [[nodiscard]] std::string url() const { return server_.url(); }
  void release(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    released_.insert(id);
  }

 private:
  Reply take(const HttpRequest& request) {
    const Event event = Event::parse(request.body);
    log_.add(event);
    return {.takeover = [this, id = event.id](auto socket) { return answer(id, std::move(socket)); }};
  }
  Task<void> answer(std::uint64_t id, std::shared_ptr<boost::asio::ip::tcp::socket> socket) {
    boost::asio::steady_timer timer(socket->get_executor());
    while (!is_released(id)) {
      timer.expires_after(std::chrono::milliseconds(2));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    constexpr std::string_view kTaken = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    co_await boost::asio::async_write(*socket, boost::asio::buffer(kTaken), boost::asio::use_awaitable);
  }
  bool is_released(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    return released_.contains(id);
  }

  EventLog& log_;
  std::mutex mutex_;  // guards what follows: the server's thread asks
  std::set<std::uint64_t> released_;
  HttpServer server_;  // last: it ends first
};

enum class Mode : std::uint8_t { websocket_acks, fire_and_forget, webhook };
struct In {
  std::string row;
  Mode mode;
};

class Ordering : public TapTest, public ::testing::WithParamInterface<In> {
 protected:
  void SetUp() override {
    fence_.commit({});
    publish(fence_);
    publish_document(alice_, pds_);
  }
  void TearDown() override {
    if (hook_) tap().kill();
    TapTest::TearDown();
  }
  /// Starts it with everybody there to take events.
  void begin() {
    start_program();
    connect();
  }
  void start_program() {
    if (GetParam().mode == Mode::webhook) {
      hook_.emplace(log_);
      start({"--webhook-url", hook_->url()});
    } else if (GetParam().mode == Mode::fire_and_forget) {
      start({"--disable-acks"});
    } else {
      start();
    }
  }
  void connect() {
    if (GetParam().mode != Mode::webhook) consume({.acks = false});
    track(fence_);
    await(fence_, "identity");
    ack(fence_, "identity");
  }

  [[nodiscard]] Events told(const Account& account) const {
    Events events = of_did(log_.all(), account.did().str());
    // Historical events go side by side: which request of theirs is read first says nothing.
    const auto stands_alone = [](const Event& event) { return !event.is_record || event.is_live(); };
    for (auto begin = events.begin(); GetParam().mode == Mode::webhook && begin != events.end();) {
      const auto end = std::find_if(begin, events.end(), stands_alone);
      std::ranges::sort(begin, end, {}, &Event::id);
      begin = std::find_if_not(end, events.end(), stands_alone);
    }
    return first_arrivals(events);
  }
  /// What has come of this account, each as "action rkey" or "identity", in its order.
  [[nodiscard]] std::vector<std::string> arrived(const Account& account) const {
    std::vector<std::string> names;
    for (const Event& event : told(account)) names.push_back(name_of(event));
    return names;
  }
  [[nodiscard]] static std::string name_of(const Event& event) {
    return event.is_record ? event.body.at("rkey").get<std::string>() : "identity";
  }
  void await(const Account& account, const std::string& name) {
    log_.wait_until(name, [&](const Events& events) {
      return std::ranges::any_of(of_did(events, account.did().str()),
                                 [&](const Event& event) { return name_of(event) == name; });
    });
  }
  /// Waits for the event, and takes it if that is for the consumer to say.
  void ack(const Account& account, const std::string& name) {
    await(account, name);
    for (const Event& event : told(account)) {
      if (name_of(event) != name) continue;
      if (GetParam().mode == Mode::websocket_acks) consumer().ack(event.id);
      if (GetParam().mode == Mode::webhook) hook_->release(event.id);
    }
  }
  /// Not yet, though the event is durable and an event of another repo that came after it has arrived. Without acks
  /// nothing waits; there only the order counts.
  void expect_waiting(std::uint64_t undelivered, const std::vector<std::string>& names) {
    if (GetParam().mode == Mode::fire_and_forget) return;
    await_undelivered(undelivered);
    const auto message = fence_.post();
    send(message);
    const std::string rkey = message.ops.front().path.substr(message.ops.front().path.find('/') + 1);
    ack(fence_, rkey);
    await_undelivered(undelivered);
    for (const std::string& name : names) EXPECT_THAT(arrived(alice_), Not(Contains(name)));
  }
  static Write record(const std::string& rkey) { return create("app.bsky.feed.post/" + rkey, post_record(1)); }
  void live(const std::string& rkey) { send(alice_.commit({record(rkey)})); }
  /// These come by a fetch.
  void historical(const std::vector<std::string>& rkeys) {
    std::vector<Write> writes;
    for (const std::string& rkey : rkeys) writes.push_back(record(rkey));
    (void)alice_.commit(writes);
    publish_repo(alice_);
  }
  void fetch_again() { send(alice_.sync()); }
  /// Alice is followed, with two historical records.
  void follow() {
    historical({"3h1", "3h2"});
    track(alice_);
    await_state(alice_, "active");
    ack(alice_, "identity");
  }

  Account alice_{1};
  Account fence_{2};
  std::optional<HoldingReceiver> hook_;
};

TEST_P(Ordering, HistoricalEventsGoTogether) {
  begin();
  follow();
  await(alice_, "3h1");
  await(alice_, "3h2");
}
TEST_P(Ordering, LiveEventWaitsForAllHistoricalOnes) {
  begin();
  follow();
  live("3l1");
  expect_waiting(3, {"3l1"});
  ack(alice_, "3h1");
  expect_waiting(2, {"3l1"});
  ack(alice_, "3h2");
  await(alice_, "3l1");
  EXPECT_EQ(arrived(alice_).back(), "3l1");
}
TEST_P(Ordering, HistoricalEventsBehindALiveOneWaitForItsAck) {
  begin();
  follow();
  ack(alice_, "3h1");
  ack(alice_, "3h2");
  live("3l1");
  await(alice_, "3l1");
  historical({"3h3", "3h4", "3h5"});
  fetch_again();
  wait_for("the fetch", [&] { return get("/info/" + alice_.did().str()).at("records") == 6; });
  expect_waiting(4, {"3h3", "3h4", "3h5"});
  ack(alice_, "3l1");
  ack(alice_, "3h3");  // the first of a later fetch is a barrier: what it says may be about the same records
  await(alice_, "3h4");
  await(alice_, "3h5");
  const auto all = arrived(alice_);
  EXPECT_EQ(all.at(3), "3l1");
  EXPECT_THAT((std::vector(all.begin() + 4, all.end())), UnorderedElementsAre("3h3", "3h4", "3h5"));
}
TEST_P(Ordering, LiveEventsArriveOnePerAck) {
  begin();
  follow();
  ack(alice_, "3h1");
  ack(alice_, "3h2");
  for (const char* rkey : {"3l1", "3l2", "3l3"}) live(rkey);
  await(alice_, "3l1");
  expect_waiting(3, {"3l2", "3l3"});
  ack(alice_, "3l1");
  await(alice_, "3l2");
  expect_waiting(2, {"3l3"});
  ack(alice_, "3l2");
  await(alice_, "3l3");
}
TEST_P(Ordering, IdentityEventIsABarrier) {
  begin();
  follow();
  send(alice_.status(false, "deactivated"));
  expect_waiting(3, {});
  if (GetParam().mode != Mode::fire_and_forget) EXPECT_EQ(std::ranges::count(arrived(alice_), "identity"), 1);
  ack(alice_, "3h1");
  ack(alice_, "3h2");
  log_.wait_until("the status", [&](const Events& events) { return of_did(events, alice_.did().str()).size() == 4; });
  EXPECT_EQ(told(alice_).back().body.at("status"), "deactivated");
}
TEST_P(Ordering, EventsFromBeforeAConsumerCameAreDeliveredInOrder) {
  start_program();
  historical({"3h1", "3h2"});
  track(alice_);
  await_state(alice_, "active");
  live("3l1");
  live("3l2");
  wait_for("both", [&] { return get("/info/" + alice_.did().str()).at("records") == 4; });
  connect();
  ack(alice_, "identity");
  ack(alice_, "3h1");
  ack(alice_, "3h2");
  ack(alice_, "3l1");
  ack(alice_, "3l2");
  const auto all = arrived(alice_);
  EXPECT_EQ(all.at(0), "identity");
  EXPECT_EQ(all.at(3), "3l1");
  EXPECT_EQ(all.at(4), "3l2");
}
TEST_P(Ordering, ReposDoNotWaitForEachOther) {
  begin();
  follow();
  live("3l1");
  expect_waiting(3, {"3l1"});  // whose fence passes
  if (GetParam().mode != Mode::fire_and_forget) EXPECT_EQ(arrived(fence_).size(), 2U);
}
INSTANTIATE_TEST_SUITE_P(Mode, Ordering,
                         ::testing::Values(In{"websocket acks", Mode::websocket_acks},
                                           In{"fire and forget", Mode::fire_and_forget}, In{"webhook", Mode::webhook}),
                         RowName());

}  // namespace
}  // namespace tap::test
