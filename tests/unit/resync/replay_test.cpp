// SPDX-License-Identifier: MIT
#include "resync/replay.hpp"

#include "tap/ledger/buffered.hpp"
#include "tap/resync/error.hpp"
#include "tap/verify/error.hpp"

#include "support/atproto/account.hpp"
#include "support/atproto/slow_cbor.hpp"
#include "support/clock_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using test::Account;
using testing::HasSubstr;
using testing::SizeIs;

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() { account.fill(10); }

  [[nodiscard]] repos::Head snapshot() const { return {account.head()->rev, account.head()->data, 10}; }
  [[nodiscard]] Replay replay() const { return replay_behind(snapshot()); }
  [[nodiscard]] Replay replay_behind(repos::Head head) const {
    return {repos::RepoId{1}, account.did(), account.key().public_key(), filter, head, clock.wall()};
  }
  static store::BufferedCommit buffered(const test::CommitMessage& message) {
    return {0, atproto::Tid::parse(message.rev).value(),
            ledger::pack_buffered(atproto::EventKind::commit, message.payload())};
  }
  static store::BufferedCommit buffered(const test::SyncMessage& message) {
    return {0, atproto::Tid::parse(message.rev).value(),
            ledger::pack_buffered(atproto::EventKind::sync, message.payload())};
  }

  Account account{1};
  verify::Filter filter;
  test::FakeClock clock;
};

TEST_F(ReplayTest, JoinsWhatChains) {
  auto joined = replay();
  const auto first = account.post();
  const auto second = account.commit({test::remove(first.ops.front().path)});
  joined.take(std::vector{buffered(first), buffered(second)});

  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head(), (repos::Head{account.head()->rev, account.head()->data, 10}));
  ASSERT_THAT(joined.events, SizeIs(2));
  EXPECT_THAT(joined.events[0].body, HasSubstr("\"live\":true"));
  EXPECT_THAT(joined.events[0].body, HasSubstr("\"action\":\"create\""));
  EXPECT_THAT(joined.events[1].body, HasSubstr("\"action\":\"delete\""));
  EXPECT_THAT(joined.changes, SizeIs(2));
}

TEST_F(ReplayTest, KeepsIntegersExact) {
  auto joined = replay();
  const Bytes record = test::slow::encode({test::slow::Map{{"n", {INT64_MAX}}}});
  joined.take(std::vector{buffered(account.commit({test::create("a.b.c/d", record)}))});
  ASSERT_THAT(joined.events, SizeIs(1));
  EXPECT_THAT(joined.events[0].body, HasSubstr("{\"n\":9223372036854775807}"));
}

TEST_F(ReplayTest, EndsAtAMarkOfMissedEventsAndSaysSo) {
  auto joined = replay();
  const auto mark = ledger::pack_buffered(atproto::EventKind::commit, {});
  joined.take(
      std::vector{buffered(account.post()), store::BufferedCommit{0, atproto::Tid(~std::uint64_t{0} >> 1), mark}});
  ASSERT_TRUE(joined.broken());
  EXPECT_EQ(*joined.broken(), Errc::missed);
  EXPECT_THAT(joined.events, SizeIs(1));
}

TEST_F(ReplayTest, PassesOverWhatTheSnapshotContains) {
  const auto first = account.post();
  const auto second = account.post();
  auto joined = replay();
  joined.take(std::vector{buffered(first), buffered(second), buffered(second)});
  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head(), snapshot());
  EXPECT_THAT(joined.events, SizeIs(0));
}

TEST_F(ReplayTest, JoinsARepeatedCommitOnce) {
  auto joined = replay();
  const auto message = account.post();
  joined.take(std::vector{buffered(message), buffered(message)});
  EXPECT_FALSE(joined.broken());
  EXPECT_THAT(joined.events, SizeIs(1));
}

TEST_F(ReplayTest, BreaksOffAtAGapAndKeepsWhatCameBefore) {
  auto joined = replay();
  const auto first = account.post();
  const auto head = *account.head();
  (void)account.post();  // lost
  const auto third = account.post();
  const auto fourth = account.post();
  joined.take(std::vector{buffered(first), buffered(third), buffered(fourth)});

  ASSERT_TRUE(joined.broken());
  EXPECT_TRUE(*joined.broken() == verify::Errc::discontinuity) << joined.broken()->message();
  EXPECT_EQ(joined.head(), (repos::Head{head.rev, head.data, 11}));
  EXPECT_THAT(joined.events, SizeIs(1));
}

TEST_F(ReplayTest, BreaksOffAtACommitOfAnotherKey) {
  auto joined = replay();
  const test::SigningKey stranger(atproto::Curve::k256, 99);
  const auto message = account.commit({test::create(account.new_path(), test::post_record(1))}, {.key = stranger});
  joined.take(std::vector{buffered(message)});
  EXPECT_TRUE(joined.broken());
  EXPECT_THAT(joined.events, SizeIs(0));
}

TEST_F(ReplayTest, BreaksOffAtBytesThatAreNoEvent) {
  for (const Bytes& bytes :
       {Bytes{}, Bytes{0}, Bytes{0xff, 1, 2}, ledger::pack_buffered(atproto::EventKind::commit, Bytes{0xa0})}) {
    auto joined = replay();
    joined.take(std::vector{store::BufferedCommit{0, atproto::Tid(~std::uint64_t{0} >> 1), bytes}});
    EXPECT_TRUE(joined.broken());
  }
}

TEST_F(ReplayTest, MovesOnWithASyncOfTheSameContent) {
  auto joined = replay();
  const auto message = account.commit({});
  joined.take(std::vector{buffered(account.sync())});
  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head().rev, account.head()->rev);
  EXPECT_EQ(message.rev, account.head()->rev.str());
}

TEST_F(ReplayTest, BreaksOffAtASyncOfOtherContent) {
  auto joined = replay();
  (void)account.post();
  joined.take(std::vector{buffered(account.sync())});
  ASSERT_TRUE(joined.broken());
  EXPECT_TRUE(*joined.broken() == verify::Errc::content_differs);
}

TEST_F(ReplayTest, BreaksOffAtACommitFromTheFuture) {
  auto joined = replay();
  const auto micros = static_cast<std::uint64_t>((clock.wall() + 1h).time_since_epoch().count());
  account.set_next_rev(atproto::Tid(micros << 10));
  joined.take(std::vector{buffered(account.post())});
  ASSERT_TRUE(joined.broken());
  EXPECT_TRUE(*joined.broken() == verify::Errc::future_rev);
  EXPECT_THAT(joined.events, SizeIs(0));
}

TEST_F(ReplayTest, TellsOnlyOfWantedCollections) {
  filter = verify::Filter({"app.bsky.feed.post"});
  auto joined = replay();
  joined.take(std::vector{buffered(account.commit({test::create("app.bsky.feed.like/abc", test::post_record(1))})),
                          buffered(account.post())});
  EXPECT_FALSE(joined.broken());
  EXPECT_THAT(joined.events, SizeIs(1));
  EXPECT_EQ(joined.head().records, 11U);
  EXPECT_EQ(joined.head().data, account.head()->data);
}

}  // namespace
}  // namespace tap::resync
