// SPDX-License-Identifier: MIT
// Cursors that the relay does not take, and streams with a gap.
#include "unit/firehose/session_fixture.hpp"

namespace tap::firehose {
namespace {

TEST_F(SessionTest, ToleratesARelayThatBeginsALittleEarlier) {
  save("5000");
  run();
  until_connected(1);
  for (const std::int64_t number : {4'998, 4'999, 5'000}) send_seq(number);
  EXPECT_EQ(cursor(), 5'000);
  send_seq(5'001);
  EXPECT_EQ(cursor(), 5'001);
  EXPECT_EQ(relay.attempts, 1U);
}

TEST_F(SessionTest, DoesNotTakeANewSequenceForOldEvents) {
  save("5000");
  run();
  until_connected(1);
  for (std::int64_t number = 1; number <= 1'000; ++number) send_seq(number);
  EXPECT_EQ(count("tap_firehose_reconnects_total"), 0U);
  send_seq(1'001);
  EXPECT_EQ(count("tap_firehose_reconnects_total"), 1U);
  EXPECT_EQ(cursor(), 5'000);
  EXPECT_EQ(relay.attempts, 1U);
}

TEST_F(SessionTest, CountsWhatLiesBelowTheCursorForEachConnectionAnew) {
  save("5000");
  run();
  for (std::size_t connection = 1; connection <= 3; ++connection) {
    until_connected(connection);
    for (std::int64_t number = 1; number <= 600; ++number) send_seq(number);
    EXPECT_EQ(count("tap_firehose_reconnects_total"), connection - 1) << "more than is tolerated, but of several";
    relay.end(net::Errc::closed);
  }
}

TEST_F(SessionTest, HasPatienceWithAFutureCursor) {
  save("5000");
  run();
  until_connected(1);
  refuse_cursor();
  loop.run_until([&] { return count("tap_firehose_reconnects_total") == 1; });
  loop.settle();
  EXPECT_EQ(relay.attempts, 1U);
  EXPECT_EQ(cursor(), 5'000);
}

TEST_F(SessionTest, GoesOnAtTheLiveEndBehindASeqThatWasMadeUp) {
  session_options.reconnect.patience = 1ms;
  followed(1);
  save("5000");
  run();
  until_connected(1);
  send_seq(1'000'000'000);
  send_seq(5'001);
  for (std::size_t connection = 2; connection <= 4; ++connection) {
    until_connected(connection);
    EXPECT_THAT(target(), testing::EndsWith("?cursor=1000000000"));
    EXPECT_EQ(count("tap_recheck_rounds_total"), 0U);
    refuse_cursor();
  }
  until_connected(5);
  EXPECT_THAT(target(), testing::EndsWith("subscribeRepos"));
  EXPECT_EQ(count("tap_firehose_cursor_resets_total"), 1U);
  loop.run_until([&] { return count("tap_recheck_rounds_total") == 1; });
  send_seq(5'100);
  EXPECT_EQ(saved_cursor(), "5099");
  EXPECT_EQ(cursor(), 5'100);
  relay.end(net::Errc::cut);
  until_connected(6);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=5100"));
}

TEST_F(SessionTest, GoesOnAtTheLiveEndOfARelayThatCountsAnewWithoutAWord) {
  session_options.reconnect.patience = 1ms;
  followed(1);
  save("5000");
  run();
  for (std::size_t connection = 1; connection <= 3; ++connection) {
    until_connected(connection);
    for (std::int64_t number = 1; number <= 1'001; ++number) send_seq(number);
  }
  until_connected(4);
  EXPECT_THAT(target(), testing::EndsWith("subscribeRepos"));
  loop.run_until([&] { return count("tap_recheck_rounds_total") == 1; });
  send_seq(1'002);
  EXPECT_EQ(cursor(), 1'002);
}

TEST_F(SessionTest, KeepsACursorThatTheRelayKnowsAgain) {
  session_options.reconnect.patience = 1ms;
  save("5000");
  run();
  for (std::size_t connection = 1; connection <= 2; ++connection) {
    until_connected(connection);
    refuse_cursor();
  }
  until_connected(3);
  send_seq(5'001);
  for (std::size_t connection = 3; connection <= 4; ++connection) {
    until_connected(connection);
    refuse_cursor();
  }
  until_connected(5);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=5001"));
  EXPECT_EQ(count("tap_firehose_cursor_resets_total"), 0U);
}

TEST_F(SessionTest, CountsAnewOnlyWhenNothingOfTheOldSequenceIsInFlight) {
  session_options.reconnect.patience = 1ms;
  interest.network = true;
  save("5000");
  directory.know(stranger);
  directory.gate.close();
  run();
  until_connected(1);
  auto unfinished = stranger.post();
  unfinished.seq = 5'001;
  relay.send(unfinished.frame());
  loop.run_until([&] { return directory.gate.waiting() == 1; });
  relay.end(net::Errc::cut);
  for (std::size_t connection = 2; connection <= 4; ++connection) {
    until_connected(connection);
    refuse_cursor();
  }
  loop.run_until([&] { return count("tap_firehose_cursor_resets_total") == 1; });
  loop.run(async::sleep_for(5ms));  // of the loop's own time
  EXPECT_EQ(relay.attempts, 4U);
  directory.gate.open();
  until_connected(5);
  EXPECT_THAT(target(), testing::EndsWith("subscribeRepos"));
}

TEST_F(SessionTest, CountsForgottenEvents) {
  run();
  until_connected(1);
  relay.send(test::info_frame("OutdatedCursor", "older than the window"));
  relay.send(test::info_frame("Something", "else"));
  send_seq(10);
  EXPECT_EQ(count("tap_firehose_outdated_cursor_total"), 1U);
  EXPECT_EQ(cursor(), 10);
}

TEST_F(SessionTest, HasAllReposCheckedBehindForgottenEventsBeforeItReadsOn) {
  followed(1);
  save("5");
  run();
  until_connected(1);
  EXPECT_EQ(count("tap_recheck_rounds_total"), 0U) << "a stream with a cursor has no gap";
  writer.failures = 2;
  relay.send(test::info_frame("OutdatedCursor", "older than the window"));
  send_seq(10);
  loop.run_until([&] { return cursor() == 10; });
  EXPECT_EQ(writer.failures, 0U);
  EXPECT_EQ(count("tap_recheck_rounds_total"), 1U);
  EXPECT_NE(database.cursor("recheck", "repos"), "");
}

TEST_F(SessionTest, HasAllReposCheckedWhenItBeginsLiveAgainBehindAStreamWithoutAnEvent) {
  session_options.no_replay = true;
  followed(1);
  run();
  until_connected(1);
  EXPECT_EQ(count("tap_recheck_rounds_total"), 0U) << "the operator wants no replay";
  relay.end(net::Errc::cut);
  until_connected(2);
  EXPECT_THAT(target(), testing::EndsWith("subscribeRepos"));
  loop.run_until([&] { return count("tap_recheck_rounds_total") == 1; });
  send_seq(10);
  relay.end(net::Errc::cut);
  until_connected(3);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=10"));
  EXPECT_EQ(count("tap_recheck_rounds_total"), 1U);
}

TEST_F(SessionTest, HasNothingCheckedAtItsFirstStart) {
  run();
  until_connected(1);
  loop.settle();
  EXPECT_EQ(count("tap_recheck_rounds_total"), 0U);
  EXPECT_THAT(writer.writes, testing::IsEmpty());
}

TEST_F(SessionTest, HasAllReposCheckedWhenThereIsNoCursorOfTheirRelay) {
  followed(1);
  run();
  until_connected(1);
  EXPECT_EQ(count("tap_recheck_rounds_total"), 1U);
}

}  // namespace
}  // namespace tap::firehose
