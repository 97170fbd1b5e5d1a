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

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using test::Account;
using testing::ElementsAre;
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
  /// What it makes of all of it, which is little.
  static store::Write join(Replay& replay, const std::vector<store::BufferedCommit>& buffered) {
    EXPECT_TRUE(replay.take(buffered).empty());
    store::Write write;
    replay.move_to(write);
    return write;
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
  const store::Write write = join(joined, {buffered(first), buffered(second)});

  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head(), (repos::Head{account.head()->rev, account.head()->data, 10}));
  ASSERT_THAT(write.events, SizeIs(2));
  EXPECT_THAT(write.events[0].body, HasSubstr("\"live\":true"));
  EXPECT_THAT(write.events[0].body, HasSubstr("\"action\":\"create\""));
  EXPECT_THAT(write.events[1].body, HasSubstr("\"action\":\"delete\""));
  ASSERT_THAT(write.mutations, SizeIs(1));
  EXPECT_THAT(std::get<store::PutRecords>(write.mutations.front()).changes, SizeIs(2));
}

TEST_F(ReplayTest, KeepsIntegersExact) {
  auto joined = replay();
  const Bytes record = test::slow::encode({test::slow::Map{{"n", {INT64_MAX}}}});
  const store::Write write = join(joined, {buffered(account.commit({test::create("a.b.c/d", record)}))});
  ASSERT_THAT(write.events, SizeIs(1));
  EXPECT_THAT(write.events[0].body, HasSubstr("{\"n\":9223372036854775807}"));
}

TEST_F(ReplayTest, EndsAtAMarkOfMissedEventsAndSaysSo) {
  auto joined = replay();
  const auto mark = ledger::pack_buffered(atproto::EventKind::commit, {});
  const store::Write write =
      join(joined, {buffered(account.post()), store::BufferedCommit{0, atproto::Tid(~std::uint64_t{0} >> 1), mark}});
  ASSERT_TRUE(joined.broken());
  EXPECT_EQ(*joined.broken(), Errc::missed);
  EXPECT_THAT(write.events, SizeIs(1));
}

TEST_F(ReplayTest, PassesOverWhatTheSnapshotContains) {
  const auto first = account.post();
  const auto second = account.post();
  auto joined = replay();
  const store::Write write = join(joined, {buffered(first), buffered(second), buffered(second)});
  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head(), snapshot());
  EXPECT_THAT(write.events, SizeIs(0));
}

TEST_F(ReplayTest, JoinsARepeatedCommitOnce) {
  auto joined = replay();
  const auto message = account.post();
  const store::Write write = join(joined, {buffered(message), buffered(message)});
  EXPECT_FALSE(joined.broken());
  EXPECT_THAT(write.events, SizeIs(1));
}

TEST_F(ReplayTest, BreaksOffAtAGapAndKeepsWhatCameBefore) {
  auto joined = replay();
  const auto first = account.post();
  const auto head = *account.head();
  (void)account.post();  // lost
  const auto third = account.post();
  const auto fourth = account.post();
  const store::Write write = join(joined, {buffered(first), buffered(third), buffered(fourth)});

  ASSERT_TRUE(joined.broken());
  EXPECT_TRUE(*joined.broken() == verify::Errc::discontinuity) << joined.broken()->message();
  EXPECT_EQ(joined.head(), (repos::Head{head.rev, head.data, 11}));
  EXPECT_THAT(write.events, SizeIs(1));
}

TEST_F(ReplayTest, BreaksOffAtACommitOfAnotherKey) {
  auto joined = replay();
  const test::SigningKey stranger(atproto::Curve::k256, 99);
  const auto message = account.commit({test::create(account.new_path(), test::post_record(1))}, {.key = stranger});
  const store::Write write = join(joined, {buffered(message)});
  EXPECT_TRUE(joined.broken());
  EXPECT_THAT(write.events, SizeIs(0));
}

TEST_F(ReplayTest, BreaksOffAtBytesThatAreNoEvent) {
  for (const Bytes& bytes :
       {Bytes{}, Bytes{0}, Bytes{0xff, 1, 2}, ledger::pack_buffered(atproto::EventKind::commit, Bytes{0xa0})}) {
    auto joined = replay();
    join(joined, {store::BufferedCommit{0, atproto::Tid(~std::uint64_t{0} >> 1), bytes}});
    EXPECT_TRUE(joined.broken());
  }
}

TEST_F(ReplayTest, MovesOnWithASyncOfTheSameContent) {
  auto joined = replay();
  const auto message = account.commit({});
  join(joined, {buffered(account.sync())});
  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head().rev, account.head()->rev);
  EXPECT_EQ(message.rev, account.head()->rev.str());
}

TEST_F(ReplayTest, BreaksOffAtASyncOfOtherContent) {
  auto joined = replay();
  (void)account.post();
  join(joined, {buffered(account.sync())});
  ASSERT_TRUE(joined.broken());
  EXPECT_TRUE(*joined.broken() == verify::Errc::content_differs);
}

TEST_F(ReplayTest, BreaksOffAtACommitFromTheFuture) {
  auto joined = replay();
  const auto micros = static_cast<std::uint64_t>((clock.wall() + 1h).time_since_epoch().count());
  account.set_next_rev(atproto::Tid(micros << 10));
  const store::Write write = join(joined, {buffered(account.post())});
  ASSERT_TRUE(joined.broken());
  EXPECT_TRUE(*joined.broken() == verify::Errc::future_rev);
  EXPECT_THAT(write.events, SizeIs(0));
}

TEST_F(ReplayTest, TellsOnlyOfWantedCollections) {
  filter = verify::Filter({"app.bsky.feed.post"});
  auto joined = replay();
  const store::Write write =
      join(joined, {buffered(account.commit({test::create("app.bsky.feed.like/abc", test::post_record(1))})),
                    buffered(account.post())});
  EXPECT_FALSE(joined.broken());
  EXPECT_THAT(write.events, SizeIs(1));
  EXPECT_EQ(joined.head().records, 11U);
  EXPECT_EQ(joined.head().data, account.head()->data);
}

TEST_F(ReplayTest, TellsInSeveralWritesWhatIsMuch) {
  auto joined = replay();
  std::vector<store::BufferedCommit> kept;
  for (std::uint64_t i = 0; i < 10; ++i) {
    // A byte of this is six of JSON.
    const Bytes record = test::post_record(i, std::string(300'000, '<'));
    kept.push_back(buffered(account.commit({test::create(account.new_path(), record)})));
  }
  std::vector<store::Write> writes;
  std::span<const store::BufferedCommit> rest = kept;
  do {
    rest = joined.take(rest);
    joined.move_to(writes.emplace_back());
  } while (!rest.empty());

  EXPECT_FALSE(joined.broken());
  EXPECT_EQ(joined.head(), (repos::Head{account.head()->rev, account.head()->data, 20}));
  std::vector<std::size_t> events;
  std::string all;
  for (const store::Write& write : writes) {
    events.push_back(write.events.size());
    ASSERT_THAT(write.mutations, SizeIs(1));
    EXPECT_THAT(std::get<store::PutRecords>(write.mutations.front()).changes, SizeIs(write.events.size()));
    for (const outbox::Draft& event : write.events) all += event.body.substr(event.body.rfind("u003c ") + 6, 1);
  }
  EXPECT_THAT(events, ElementsAre(3, 3, 3, 1)) << "4 MiB, of 1.8 MB each";
  EXPECT_EQ(all, "0123456789");
}

}  // namespace
}  // namespace tap::resync
