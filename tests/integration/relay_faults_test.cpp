// SPDX-License-Identifier: MIT
// What the stream itself may do: frames twice, in another order, in pieces, of no sense, and ends of every kind.
#include "integration/tap_test.hpp"
#include "support/net/ws_wire.hpp"

namespace tap::test {
namespace {

using ::testing::SizeIs;

constexpr int kText = 1;
constexpr int kBinary = 2;

class RelayFaults : public TapTest {
 protected:
  void SetUp() override {
    alice_.fill(3);
    start();
    consume();
    onboard(alice_);
    events_ = told(alice_).size();
  }
  [[nodiscard]] std::size_t fetches() { return pds_.requests(alice_.did().str()); }
  /// Her next commit comes live, and nothing else since the last time.
  void expect_to_go_on() {
    send(alice_.post());
    await_records(alice_);
    EXPECT_THAT(told(alice_), SizeIs(++events_));
    EXPECT_TRUE(told(alice_).back().is_live());
    EXPECT_EQ(log_.all().size(), told(alice_).size()) << "nothing is told twice";
  }
  /// The same on a connection that was made meanwhile.
  void expect_to_come_back() {
    ASSERT_TRUE(relay_.wait_for_subscriptions(subscriptions_ + 1));
    expect_to_go_on();
    EXPECT_EQ(fetches(), 1U);
  }
  void note_subscriptions() { subscriptions_ = relay_.cursors().size(); }

  Account alice_{1};
  std::size_t events_ = 0;
  std::size_t subscriptions_ = 0;
};

TEST_F(RelayFaults, FramesThatComeTwiceAreToldOnce) {
  for (int i = 0; i < 5; ++i) {
    CommitMessage commit = alice_.post();
    commit.seq = send(commit);
    relay_.send_raw(server_frame(kBinary, commit.frame()));
    ++events_;
  }
  await_records(alice_);
  expect_to_go_on();
  EXPECT_EQ(fetches(), 1U);
}

TEST_F(RelayFaults, StreamThatIsReplayedUnderNewNumbersChangesNothing) {
  std::vector<CommitMessage> commits;
  for (int i = 0; i < 5; ++i) commits.push_back(alice_.post());
  for (int round = 0; round < 3; ++round) {
    for (const CommitMessage& commit : commits) send(commit);
  }
  events_ += commits.size();
  await_records(alice_);
  expect_to_go_on();
  EXPECT_EQ(fetches(), 1U);
}

TEST_F(RelayFaults, CommitsInAnotherOrderCostAFetchAndNoRecord) {
  const CommitMessage first = alice_.post();
  const CommitMessage second = alice_.post();
  publish_repo(alice_);
  send(second);
  send(first);
  await_records(alice_);
  await_state(alice_, "active");
  events_ += 2;
  expect_to_go_on();
}

TEST_F(RelayFaults, FramesOfNoSenseArePassedOver) {
  note_subscriptions();
  const Bytes good = alice_.identity().frame();
  const std::vector<Bytes> frames = {
      {},
      Bytes(100, 'x'),
      Bytes(good.begin(), good.end() - 5),
      message_frame("#labels", {}),
      message_frame("#labels", alice_.identity().payload()),
      message_frame("#commit", Bytes{0xa0}),
      {0xa1, 0x62, 'o', 'p', 0x18, 0x63, 0xa0},  // op 99
      {0xa0, 0xa0},
      Bytes(1 << 20, 0x81),
  };
  for (const Bytes& frame : frames) relay_.send_raw(server_frame(kBinary, frame));
  expect_to_go_on();
  EXPECT_EQ(relay_.cursors().size(), subscriptions_);
  EXPECT_EQ(fetches(), 1U);
}

TEST_F(RelayFaults, FrameAboveTheLimitIsPassedOverAndItsRepoFetchedBehindTheNextCommit) {
  note_subscriptions();
  CommitMessage huge = alice_.post();
  const Bytes padding(std::size_t{6} << 20, 0);
  huge.blocks.push_back({atproto::Cid::of(atproto::Cid::Codec::raw, padding), padding});
  send(huge);
  const CommitMessage next = alice_.post();
  publish_repo(alice_);
  send(next);
  await_records(alice_);
  await_state(alice_, "active");
  events_ += 2;
  expect_to_go_on();
  EXPECT_EQ(relay_.cursors().size(), subscriptions_);
}

TEST_F(RelayFaults, FrameThatComesInPiecesIsWaitedFor) {
  CommitMessage commit = alice_.post();
  commit.seq = 500;
  const std::string whole = server_frame(kBinary, commit.frame());
  for (std::size_t at = 0; at < whole.size(); at += 40) relay_.send_raw(whole.substr(at, 40));
  await_records(alice_);
  EXPECT_THAT(told(alice_), SizeIs(events_ + 1));
  EXPECT_EQ(fetches(), 1U);
}

TEST_F(RelayFaults, SeqThatGoesBackEndsTheConnectionAndNothingElse) {
  expect_to_go_on();
  expect_to_go_on();
  note_subscriptions();
  IdentityMessage old = alice_.identity();
  old.seq = 1;
  relay_.send_raw(server_frame(kBinary, old.frame()));
  expect_to_come_back();
}

TEST_F(RelayFaults, TextEndsTheConnectionAndNothingElse) {
  expect_to_go_on();
  note_subscriptions();
  relay_.send_raw(server_frame(kText, as_bytes("hello")));
  expect_to_come_back();
}

TEST_F(RelayFaults, ErrorFrameEndsTheConnectionAndNothingElse) {
  expect_to_go_on();
  note_subscriptions();
  relay_.send_error("ConsumerTooSlow", "hurry");
  expect_to_come_back();
}

TEST_F(RelayFaults, CloseFrameEndsTheConnectionAndNothingElse) {
  expect_to_go_on();
  note_subscriptions();
  relay_.close_all(1001, "going away");
  expect_to_come_back();
}

TEST_F(RelayFaults, CursorOfTheFutureIsToldAndKeptAndLosesNothing) {
  CommitMessage commit = alice_.post();
  commit.seq = 500;
  relay_.send_raw(server_frame(kBinary, commit.frame()));  // it is not in the log, which ends far below
  ++events_;
  await_records(alice_);
  wait_for("a saved cursor", [this] { return get("/stats/cursors").at("firehose") == 500; });
  relay_.cut();
  const nlohmann::json told_of = tap().wait_for_line("the relay sent an error");
  EXPECT_EQ(told_of.value("error", ""), "FutureCursor");
  EXPECT_EQ(told_of.value("cursor", 0), 500);
  EXPECT_EQ(get("/stats/cursors").at("firehose"), 500);
  EXPECT_EQ(state(alice_), "active");

  stop();
  CommitMessage next = alice_.post();
  next.seq = 501;
  relay_.push(next.seq, next.frame());  // the relay is where we are again
  start();
  consume();
  await_records(alice_);
  EXPECT_EQ(relay_.cursors().back(), 500);
  EXPECT_THAT(told(alice_), SizeIs(events_ + 1));
  EXPECT_EQ(fetches(), 1U);
}

}  // namespace
}  // namespace tap::test
