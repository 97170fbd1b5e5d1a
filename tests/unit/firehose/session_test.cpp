// SPDX-License-Identifier: MIT
#include "support/atproto/dice.hpp"
#include "unit/firehose/session_fixture.hpp"

namespace tap::firehose {
namespace {

using testing::SizeIs;

TEST_F(SessionTest, StartsLiveWithoutACursor) {
  run();
  until_connected(1);
  EXPECT_EQ(relay.connections[0]->url.scheme, "wss");
  EXPECT_EQ(target(), "/xrpc/com.atproto.sync.subscribeRepos");
  EXPECT_EQ(session->last_seq(), 0);
  send_seq(500);
  EXPECT_EQ(session->last_seq(), 500);
  EXPECT_EQ(cursor(), 500);
}

TEST_F(SessionTest, LagIsTheAgeOfTheLastEventAndGrowsWhileNothingComes) {
  using testing::HasSubstr;
  run();
  until_connected(1);
  clock.advance(20s);
  EXPECT_THAT(metrics.text(), HasSubstr("\ntap_firehose_lag_seconds 20\n")) << "since the start";
  auto message = stranger.identity();
  message.seq = 500;
  message.time = "2026-06-01T00:00:05Z";
  relay.send(message.frame());
  loop.settle();
  EXPECT_THAT(metrics.text(), HasSubstr("\ntap_firehose_lag_seconds 15\n"));
  clock.advance(10s);
  EXPECT_THAT(metrics.text(), HasSubstr("\ntap_firehose_lag_seconds 25\n"));
  message.seq = 501;
  message.time = "2027-01-01T00:00:00Z";
  const test::Background measuring(loop, session->measure_lag());
  relay.send(message.frame());
  loop.settle();
  EXPECT_THAT(metrics.text(), HasSubstr("\ntap_firehose_lag_seconds 0\n")) << "what comes from the future is no lag";
}

TEST_F(SessionTest, StartsFromTheSavedCursor) {
  save("4711");
  run();
  until_connected(1);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=4711"));
  EXPECT_EQ(session->last_seq(), 0);
}

TEST_F(SessionTest, StartsLiveWhenTheSavedCursorIsUnreadable) {
  for (const auto* odd : {"soon", "-5", "12x", "99999999999999999999"}) {
    save(odd);
    const std::size_t before = relay.connections.size();
    run();
    until_connected(before + 1);
    EXPECT_THAT(target(), testing::EndsWith("subscribeRepos")) << odd;
    running.reset();
  }
}

TEST_F(SessionTest, ReadsTheCursorUntilItCan) {
  save("4711");
  reader.failures = 2;
  run();
  until_connected(1);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=4711"));
}

TEST_F(SessionTest, IgnoresTheSavedCursorOnlyAtItsStart) {
  save("4711");
  session_options.no_replay = true;
  run();
  until_connected(1);
  EXPECT_THAT(target(), testing::EndsWith("subscribeRepos"));
  send_seq(9'000);
  relay.end(net::Errc::cut);
  until_connected(2);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=9000"));
}

TEST_F(SessionTest, ReconnectsFromTheLowWaterMark) {
  auto account = followed(1);
  save("5");
  run();
  until_connected(1);
  writer.gate.close();
  auto unfinished = account.post();
  unfinished.seq = 10;
  relay.send(unfinished.frame());
  send_seq(11);
  loop.run_until([&] { return writer.gate.waiting() == 1; });
  relay.end(net::Errc::closed);
  until_connected(2);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=9"));

  // What is sent again is in flight or done: taken once.
  relay.send(unfinished.frame());
  loop.settle();
  EXPECT_EQ(metrics.gauge("tap_queue_depth", "", {{"queue", "lanes"}}).value(), 1);
  writer.gate.open();
  send_seq(11);
  send_seq(12);
  drain();
  EXPECT_EQ(cursor(), 12);
  EXPECT_THAT(writer.bodies(), SizeIs(1));
  EXPECT_EQ(relay.connections.size(), 2U);
  EXPECT_EQ(count("tap_firehose_out_of_order_total"), 0U);
}

TEST_F(SessionTest, TakesTheReplayAlsoWhenItOvertakesTheMark) {
  auto account = followed(1);
  save("5");
  run();
  until_connected(1);
  writer.gate.close();
  auto unfinished = account.post();
  unfinished.seq = 10;
  relay.send(unfinished.frame());
  for (std::int64_t i = 11; i <= 20; ++i) send_seq(i);
  loop.run_until([&] { return writer.gate.waiting() == 1; });
  relay.end(net::Errc::closed);
  until_connected(2);
  // Everything is done before the replay comes: it is old, and no fault of the stream.
  writer.gate.open();
  drain();
  EXPECT_EQ(cursor(), 20);
  relay.send(unfinished.frame());
  for (std::int64_t i = 11; i <= 21; ++i) send_seq(i);
  EXPECT_EQ(cursor(), 21);
  EXPECT_EQ(relay.connections.size(), 2U);
}

TEST_F(SessionTest, SkipsARepeatedSeqAndLeavesWhenItGoesBack) {
  run();
  until_connected(1);
  send_seq(10);
  send_seq(11);
  send_seq(11);
  send_seq(12);
  EXPECT_EQ(relay.connections.size(), 1U);
  EXPECT_EQ(count("tap_firehose_out_of_order_total"), 1U);
  send_seq(11);
  until_connected(2);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=12"));
  EXPECT_EQ(count("tap_firehose_out_of_order_total"), 2U);
}

TEST_F(SessionTest, ComesBackSoonWhenItWasTooSlow) {
  run();
  until_connected(1);
  send_seq(10);
  relay.send(test::error_frame("ConsumerTooSlow", "too slow"));
  until_connected(2);
  EXPECT_THAT(target(), testing::EndsWith("?cursor=10"));
}

TEST_F(SessionTest, PassesOverAnErrorFrameWithoutAnError) {
  run();
  until_connected(1);
  relay.send(test::hex("a1 62 6f 70 20  a1 61 78 01"));  // {"op": -1} {"x": 1}
  send_seq(10);
  EXPECT_EQ(cursor(), 10);
  EXPECT_EQ(relay.attempts, 1U);
  EXPECT_EQ(count("tap_firehose_events_malformed_total"), 1U);
}

TEST_F(SessionTest, HasPatienceWhenItIsRefused) {
  relay.refuse(429);
  run();
  loop.run_until([&] { return count("tap_firehose_reconnects_total") == 1; });
  EXPECT_EQ(relay.attempts, 1U);
  running.reset();

  relay.refuse(501);
  run();
  loop.run_until([&] { return count("tap_firehose_reconnects_total") == 2; });
  EXPECT_EQ(relay.attempts, 2U);
}

TEST_F(SessionTest, TriesAgainWhenTheRelayIsInTrouble) {
  relay.refuse(502);
  relay.refuse(500);
  run();
  until_connected(1);
  EXPECT_EQ(relay.attempts, 3U);
}

TEST_F(SessionTest, ReconnectsWhenTheRelayFallsSilent) {
  run();
  until_connected(1);
  relay.end(net::Errc::idle);
  until_connected(2);
}

TEST_F(SessionTest, GoesOnBehindABadFrame) {
  run();
  until_connected(1);
  relay.send(Bytes{0xff, 0x00});
  relay.send(Bytes{});
  relay.send(Bytes{0xa2, 0x61, 't', 0x67, '#', 'n', 'e', 'w', 'e', 's', 't', 0x62, 'o', 'p', 0x18, 0x2a, 0xa0});
  send_seq(10);
  EXPECT_EQ(cursor(), 10);
  EXPECT_EQ(relay.connections.size(), 1U);
  EXPECT_EQ(count("tap_firehose_events_malformed_total"), 2U);
}

TEST_F(SessionTest, GoesOnBehindAMessageThatIsTooLarge) {
  run();
  until_connected(1);
  send_seq(10);
  relay.send_too_large();
  loop.settle();
  send_seq(12);
  EXPECT_EQ(cursor(), 12);
  EXPECT_EQ(relay.attempts, 1U);
  EXPECT_EQ(count("tap_firehose_events_malformed_total"), 1U);
  EXPECT_EQ(count("tap_firehose_events_received_total"), 3U);
}

TEST_F(SessionTest, DoesNotReadWhileThereIsNoRoom) {
  options.events_in_flight = 2;
  auto account = followed(1);
  run();
  until_connected(1);
  writer.gate.close();
  for (std::int64_t number = 1; number <= 5; ++number) {
    auto message = account.post();
    message.seq = number;
    relay.send(message.frame());
  }
  loop.run_until([&] { return writer.gate.waiting() == 1; });
  EXPECT_EQ(relay.connections[0]->read, 2U);
  writer.gate.open();
  loop.run_until([&] { return cursor() == 5; });
  EXPECT_EQ(relay.connections[0]->read, 5U);
}

TEST_F(SessionTest, SavesWhereALiveStreamBeganBeforeItTakesItsFirstEvent) {
  auto account = followed(1);
  run();
  until_connected(1);
  writer.gate.close();
  auto message = account.post();
  message.seq = 500;
  relay.send(message.frame());
  loop.run_until([&] { return writer.gate.waiting() == 1; });
  EXPECT_EQ(session->last_seq(), 0);

  writer.gate.open();
  drain();
  EXPECT_EQ(saved_cursor(), "499");
  EXPECT_EQ(cursor(), 500);
}

TEST_F(SessionTest, SavesTheCursorOfWhatIsDurable) {
  auto account = followed(1);
  run();
  until_connected(1);
  send_seq(9);
  writer.gate.close();
  auto message = account.post();
  message.seq = 10;
  relay.send(message.frame());
  send_seq(11);
  loop.run_until([&] { return writer.gate.waiting() == 1; });

  auto saving = loop.start(session->save_cursor());
  writer.gate.open();
  drain();
  loop.run_until([&] { return saving.done(); });
  EXPECT_EQ(saved_cursor(), "9");
  ASSERT_TRUE(loop.run(session->save_cursor()));
  EXPECT_EQ(saved_cursor(), "11");
  const auto writes = writer.writes.size();
  ASSERT_TRUE(loop.run(session->save_cursor()));
  EXPECT_EQ(writer.writes.size(), writes);
}

TEST_F(SessionTest, SavesRegularlyAndAfterAFailure) {
  run();
  until_connected(1);
  send_seq(9);
  writer.failures = 1;
  test::Background saver(loop, session->save_regularly());
  loop.run_until([&] { return saved_cursor() == "9"; });
  send_seq(10);
  loop.run_until([&] { return saved_cursor() == "10"; });
}

TEST(CursorKey, IsTheSameForEverySpelling) {
  for (const auto* spelling : {"https://relay.test", "https://relay.test/", "wss://relay.test",
                               "HTTPS://Relay.Test:443", "https://relay.test/xrpc/com.atproto.sync.subscribeRepos"}) {
    EXPECT_EQ(cursor_key(net::Url::parse(spelling).value()), "https://relay.test") << spelling;
  }
  EXPECT_EQ(cursor_key(net::Url::parse("ws://127.0.0.1:8080/").value()), "http://127.0.0.1:8080");
}

}  // namespace
}  // namespace tap::firehose
