// SPDX-License-Identifier: MIT
// kill -9 at any time, and a relay that comes and goes: nothing is lost, no id is used twice.
#include "integration/tap_test.hpp"
#include "support/atproto/dice.hpp"

#include <algorithm>
#include <utility>

namespace tap::test {
namespace {

using ::testing::SizeIs;

class Crash : public TapTest {};

TEST_F(Crash, TenDuringLiveTrafficLoseNothing) {
  constexpr std::size_t kAccounts = 6;
  Dice dice(11);
  std::vector<Account> accounts;
  start();
  consume();
  for (std::size_t i = 0; i < kAccounts; ++i) {
    accounts.emplace_back(i + 1).fill(5);
    onboard(accounts.back());
  }
  for (int round = 0; round < 10; ++round) {
    const std::size_t before = log_.all().size();
    std::vector<CommitMessage> commits;
    for (std::size_t i = 0; i < 40; ++i) {
      Account& account = dice.pick(accounts);
      const bool is_post = dice.chance(70) || account.records().size() < 2;
      commits.push_back(is_post ? account.post()
                                : account.commit({remove(std::string(account.records().begin()->first))}));
    }
    // Should a repo have to be fetched again, the PDS has what the firehose says.
    for (Account& account : accounts) publish_repo(account);
    for (const CommitMessage& commit : commits) send(commit);
    log_.wait_for_count(before + 1 + dice.below(39));
    crash();
    start();
    consume();
  }
  for (const Account& account : accounts) await_records(account);
  for (const Account& account : accounts) await_state(account, "active");
  await_undelivered(0);
}

TEST_F(Crash, TenDuringBackfillsLoseNothing) {
  Dice dice(12);
  std::vector<Account> accounts;
  start();
  consume();
  for (std::uint64_t round = 1; round <= 10; ++round) {
    accounts.emplace_back(round).fill(600);
    Account& account = accounts.back();
    publish(account);
    const bool while_fetching = dice.chance(30);
    if (while_fetching) {
      const Bytes car = account.full_car();
      pds_.answer(
          account.did().str(),
          {.body = std::string(as_text(car)), .fault = Fault::hang_in_body, .fault_at = dice.below(car.size())});
    }
    const std::size_t before = log_.all().size();
    track(account);
    if (while_fetching) {
      ASSERT_TRUE(pds_.server().wait_for_hanging(1));
    } else {
      log_.wait_for_count(before + 1 + dice.below(600));
    }
    crash();
    start();
    consume();
  }
  for (const Account& account : accounts) await_records(account);
  for (const Account& account : accounts) await_state(account, "active");
  await_undelivered(0);
}

TEST_F(Crash, CursorStaysBehindUnfinishedWork) {
  const std::vector<std::string> save_all_the_time = {"--cursor-save-interval", "1ms"};
  Account alice(1);
  Account bob(2);
  alice.fill(1);
  bob.fill(1);
  start();
  consume();
  onboard(alice);
  onboard(bob);
  const std::int64_t first = send(bob.post());
  await_records(bob);
  stop();
  drop_consumer();
  start(save_all_the_time);
  consume();
  EXPECT_EQ(relay_.cursors().back(), first);

  // Nobody can say what alice's key is now: her commit cannot be finished, bob's can.
  plc_.answer(alice.did().str(), {.fault = Fault::hang}, 1'000);
  send(alice.identity());
  send(alice.post());
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 5; ++k) send(bob.post());
    await_records(bob);
    crash();
    start(save_all_the_time);
    consume();
    const std::int64_t asked = relay_.cursors().back().value_or(0);
    EXPECT_GE(asked, first);
    EXPECT_LE(asked, first + 1);  // alice's #identity is done at once, her commit never
  }
}

TEST_F(Crash, RelayThatCutsInMidFrameIsFollowedFromWhereItWas) {
  Account alice(1);
  alice.commit({});
  start();
  consume();
  onboard(alice);
  for (int round = 0; round < 2; ++round) {
    send(alice.post());
    await_records(alice);
    const std::size_t subscriptions = relay_.cursors().size();
    CommitMessage torn = alice.post();
    torn.seq = 1'000'000;  // a seq that was only seen in half is not asked for
    relay_.cut_in_frame(torn.frame());
    send(torn);
    ASSERT_TRUE(relay_.wait_for_subscriptions(subscriptions + 1));
    await_records(alice);
  }
  EXPECT_EQ(pds_.requests(alice.did().str()), 1U);
  EXPECT_THAT(told(alice), SizeIs(5));
  EXPECT_EQ(log_.all().size(), 5U);
}

TEST_F(Crash, RelayThatGoesAwayAndComesBackIsFollowed) {
  Account alice(1);
  alice.commit({});
  start();
  consume();
  onboard(alice);
  send(alice.post());
  await_records(alice);

  const std::size_t subscriptions = relay_.cursors().size();
  relay_.refuse(503);
  relay_.cut();
  ASSERT_TRUE(relay_.wait_for_subscriptions(subscriptions + 2));
  for (int i = 0; i < 5; ++i) send(alice.post());
  await_records(alice);
  EXPECT_EQ(log_.all().size(), 7U);
}

}  // namespace
}  // namespace tap::test
