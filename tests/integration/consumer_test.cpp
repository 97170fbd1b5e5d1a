// SPDX-License-Identifier: MIT
// One or several consumers, good and bad ones, at /channel.
#include "integration/tap_test.hpp"

#include <map>

namespace tap::test {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Channel : public TapTest {
 protected:
  /// A repo of so many posts is fetched, and nobody has been told.
  Account fetch_untold(std::size_t posts) {
    Account account(1);
    account.fill(posts);
    publish(account);
    track(account);
    await_state(account, "active");
    await_undelivered(posts + 1);
    return account;
  }
  Account fetch_and_tell() {
    Account account(1);
    account.fill(5);
    onboard(account);
    return account;
  }
  [[nodiscard]] RecordCids records_told(const Account& account) const {
    return records_of(told(account), account.did().str());
  }
};

TEST_F(Channel, EventsWaitForAConsumer) {
  start();
  const Account alice = fetch_untold(20);
  consume();
  await_records(alice);
  await_undelivered(0);
}

TEST_F(Channel, SeveralConsumersShareAndNobodyGetsAnEventTwice) {
  constexpr std::size_t kAccounts = 20;
  start();
  Consumer first(port(), log_);
  Consumer second(port(), log_);
  Consumer third(port(), log_);
  std::vector<Account> accounts;
  for (std::size_t i = 0; i < kAccounts; ++i) {
    accounts.emplace_back(i + 1).fill(100);
    publish(accounts[i]);
    track(accounts[i]);
  }
  log_.wait_for_count(kAccounts * 101);
  await_undelivered(0);

  EXPECT_EQ(ids_of(log_.all()).size(), log_.all().size());
  std::map<std::string, RecordCids> records;  // between consumers, what is historical has no order
  for (const Event& event : log_.all()) {
    if (event.is_record) records[event.did()][event.path()] = event.body.at("cid");
  }
  for (const Account& account : accounts) EXPECT_EQ(records[account.did().str()], records_of_account(account));
  for (const Consumer* consumer : {&first, &second, &third}) EXPECT_FALSE(consumer->received().empty());
}

TEST_F(Channel, LiveEventsKeepTheirOrderAcrossConsumers) {
  start();
  Account alice(1);
  alice.commit({});
  Consumer first(port(), log_);
  Consumer second(port(), log_);
  onboard(alice);
  for (int i = 0; i < 60; ++i) send(alice.post());
  await_records(alice);
  std::uint64_t last = 0;
  for (const Event& event : log_.all()) {
    EXPECT_GT(event.id, last);
    last = event.id;
  }
}

TEST_F(Channel, EventsOfACutConsumerGoToAnotherAtOnce) {
  start();
  Consumer& silent = consume({.acks = false});
  const Account alice = [&] {
    Account account(1);
    account.fill(20);
    publish(account);
    track(account);
    return account;
  }();
  silent.wait_for_count(1);  // the identity event holds back the rest
  Consumer patient(port(), log_);
  silent.cut();
  log_.wait_for_count(22);
  await_undelivered(0);
  EXPECT_EQ(patient.received().size(), 21U);
  EXPECT_EQ(times_received(log_.all(), silent.received().front().id), 2U);
}

TEST_F(Channel, LiveEventWaitsForTheAckOfTheOneBefore) {
  start();
  Account alice(1);
  alice.commit({});
  Account bob(2);
  bob.commit({});
  consume();
  onboard(alice);
  onboard(bob);
  consumer().set_acks(false);
  send(alice.post());
  send(alice.post());
  send(bob.post());
  log_.wait_for_count(4);  // two identities, then one live event of each
  const Events events = log_.all();
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(told(bob).size(), 2U);
  consumer().ack(told(alice).back().id);
  log_.wait_for_count(5);
  await_records(alice);
  // Both of the last are not acked yet.
  await_undelivered(2);
}

TEST_F(Channel, OnlyUnackedEventsComeAgainAfterARestart) {
  start();
  consume({.acks = false});
  const Account alice = fetch_untold(20);
  // The identity event goes alone.
  consumer().wait_for_count(1);
  consumer().ack(log_.all().front().id);
  consumer().wait_for_count(21);
  std::set<std::uint64_t> acked;
  acked.insert(log_.all().front().id);
  for (std::size_t i = 5; i < 15; ++i) {
    consumer().ack(log_.all()[i].id);
    acked.insert(log_.all()[i].id);
  }
  await_undelivered(10);
  stop();
  drop_consumer();

  start();
  consume();
  consumer().wait_for_count(10);
  await_undelivered(0);
  EXPECT_THAT(consumer().received(), SizeIs(10));
  for (const Event& event : consumer().received()) EXPECT_FALSE(acked.contains(event.id)) << event.text;
  EXPECT_EQ(records_told(alice), records_of_account(alice));
}

TEST_F(Channel, UnackedEventIsSentAgainInTime) {
  start({"--retry-timeout", "200ms"});
  Consumer& silent = consume({.acks = false});
  Account alice(1);
  alice.fill(1);
  publish(alice);
  track(alice);
  silent.wait_for_count(3);
  const Events events = silent.received();
  EXPECT_EQ(events[1].text, events[0].text);
  EXPECT_EQ(events[2].text, events[0].text);
}

TEST_F(Channel, EventsThatAreNeverAckedBecomeDeadLettersAndComeBackWhenAsked) {
  start({"--retry-timeout", "100ms", "--max-attempts", "2"});
  Consumer& silent = consume({.acks = false});
  Account alice(1);
  alice.fill(3);
  publish(alice);
  track(alice);
  await_state(alice, "active");
  await_undelivered(0);
  const auto letters = get("/dead-letters").at("dead_letters");
  ASSERT_EQ(letters.size(), 4U) << "the repo went on behind its identity event";
  EXPECT_EQ(letters[0].at("event").at("type"), "identity");
  EXPECT_EQ(letters[0].at("attempts"), 2);
  EXPECT_EQ(letters[0].at("reason"), "not acked");
  EXPECT_EQ(silent.received().size(), 8U);

  stop();
  start();
  EXPECT_EQ(get("/dead-letters").at("dead_letters"), letters) << "they survive a restart";
  const std::string body = nlohmann::json{{"dids", {alice.did().str()}}}.dump();
  EXPECT_EQ(http_call(port(), {.method = "POST", .target = "/dead-letters/replay", .body = body}).body,
            "{\"replayed\":4}\n");
  Consumer good(port(), log_);
  good.wait_for_count(4);
  await_undelivered(0);
  EXPECT_EQ(records_of(good.received(), alice.did().str()), records_of_account(alice));
}

TEST_F(Channel, ShutdownSendsNoCloseFrame) {
  start();
  consume();
  (void)fetch_and_tell();
  stop();
  const auto ending = consumer().wait_for_end();
  EXPECT_THAT(ending.opcodes, Each(1));
  EXPECT_THAT(ending.torn, IsEmpty());
}

TEST_F(Channel, NonsenseFromAConsumerCutsItWithoutACloseFrame) {
  start();
  consume();
  consumer().send_text("no JSON");
  const auto ending = consumer().wait_for_end();
  EXPECT_THAT(ending.opcodes, IsEmpty());
  EXPECT_THAT(ending.torn, IsEmpty());

  consume();
  (void)fetch_and_tell();
}

TEST_F(Channel, PingsAreAnsweredBetweenEvents) {
  start();
  consume();
  consumer().ping("are you there");
  (void)fetch_and_tell();
  consumer().ping("");
  consumer().ping("still?");
}

TEST_F(Channel, FireAndForgetNeedsNoAcks) {
  start({"--disable-acks"});
  consume({.acks = false});
  Account alice(1);
  alice.fill(20);
  onboard(alice);
  for (int i = 0; i < 10; ++i) send(alice.post());
  await_records(alice);
  await_undelivered(0);
}

}  // namespace
}  // namespace tap::test
