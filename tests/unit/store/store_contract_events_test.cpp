// SPDX-License-Identifier: MIT
// The part of the contract that is about events: what waits for a consumer, and what was given up.
#include "unit/store/store_contract.hpp"

namespace tap::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(StoreContract, EventsGetConsecutiveIdsAcrossWrites) {
  EXPECT_EQ(apply({write_of({}, {draft("a"), draft("b", outbox::Order::historical)}), write_of({}, {draft("c")})}),
            EventId{1});
  EXPECT_EQ(apply(write_of({}, {draft("d")})), EventId{4});
  reopen();
  const auto all = events();
  EXPECT_THAT(ids_of(all), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(bodies_of(all), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(all[0].order, outbox::Order::barrier);
  EXPECT_EQ(all[1].order, outbox::Order::historical);
  EXPECT_EQ(all[1].lane, outbox::LaneKey{7});
  EXPECT_EQ(store_->undelivered(), 4U);
}

TEST_P(StoreContract, EventsArePagedAlsoInTheMiddleOfATransaction) {
  std::vector<outbox::Draft> drafts;
  for (int i = 1; i <= 10; ++i) drafts.push_back(draft(std::to_string(i)));
  apply(write_of({}, drafts));
  apply(write_of({}, drafts));
  for (const std::size_t page : {1UL, 3UL, 10UL, 19UL, 20UL}) {
    std::vector<std::uint64_t> seen;
    for (std::uint64_t after = 0;;) {
      const auto next = ids_of(events(after, page));
      if (next.empty()) break;
      seen.insert(seen.end(), next.begin(), next.end());
      after = next.back();
    }
    ASSERT_EQ(seen.size(), 20U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
  }
  EXPECT_THAT(events(0, 0), IsEmpty());
  EXPECT_THAT(events(20), IsEmpty());
  EXPECT_THAT(events(1'000), IsEmpty());
}

TEST_P(StoreContract, AckedEventsAreGoneForGood) {
  apply(write_of({}, {draft("a"), draft("b"), draft("c")}));
  apply(write_of({}, {draft("d")}));
  ack({2, 2, 4});
  EXPECT_THAT(ids_of(events()), ElementsAre(1, 3));
  EXPECT_EQ(store_->undelivered(), 2U);
  reopen();
  ack({2, 77, 0});
  EXPECT_THAT(ids_of(events()), ElementsAre(1, 3));
  EXPECT_EQ(store_->undelivered(), 2U);
  fold();
  ack({1});
  EXPECT_THAT(ids_of(events(1)), ElementsAre(3));
  ack({3});
  EXPECT_THAT(events(), IsEmpty());
  EXPECT_EQ(store_->undelivered(), 0U);
  ack({1, 2, 3, 4});
  EXPECT_EQ(store_->undelivered(), 0U);
}

TEST_P(StoreContract, EventThatNobodyTakesStaysItselfWhateverBecomesOfItsNeighbours) {
  std::vector<outbox::Draft> drafts;
  for (int i = 1; i <= 200; ++i) drafts.push_back(draft(std::to_string(i) + std::string(300, '.')));
  apply(write_of({}, drafts));
  std::vector<std::uint64_t> acked;
  for (std::uint64_t id = 1; id <= 200; ++id) {
    if (id != 1 && id != 50 && id != 51 && id != 200) acked.push_back(id);
  }
  ack(acked);
  for (int round = 0; round < 3; ++round) {
    fold();
    apply(write_of({SaveCursor{"firehose", "r", "x"}}, {}));
    const auto all = events();
    EXPECT_THAT(ids_of(all), ElementsAre(1, 50, 51, 200));
    for (const auto& event : all) {
      EXPECT_TRUE(event.body.starts_with(std::to_string(static_cast<std::uint64_t>(event.id)) + "."));
    }
    EXPECT_THAT(ids_of(events(50)), ElementsAre(51, 200));
    EXPECT_EQ(store_->undelivered(), 4U);
  }
  ack({3, 50, 120});
  reopen();
  EXPECT_THAT(ids_of(events()), ElementsAre(1, 51, 200));
  ack({1, 51, 200, 201});
  EXPECT_EQ(store_->undelivered(), 0U);
  EXPECT_EQ(apply(write_of({}, {draft("next")})), EventId{201});
}

TEST_P(StoreContract, EventIdsAreNeverUsedAgain) {
  apply(write_of({}, {draft("a"), draft("b")}));
  ack({1, 2});
  fold();
  reopen();
  EXPECT_EQ(store_->undelivered(), 0U);
  const EventId next = apply(write_of({}, {draft("c")}));
  EXPECT_GT(next, EventId{2});
  EXPECT_THAT(ids_of(events()), ElementsAre(static_cast<std::uint64_t>(next)));
}

TEST_P(StoreContract, LargeBatchesKeepTheirOrderAndIds) {
  // Several megabytes: more than one row of a journal.
  std::vector<Write> writes;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    AdvanceHead advance{RepoId{1}, head_of(i, i), {}};
    for (int k = 0; k < 400; ++k) {
      advance.changes.push_back(put("a.b.c", std::string(100, 'k') + std::to_string(k), i));
    }
    writes.push_back(write_of({std::move(advance)}, {draft(std::to_string(i) + std::string(100'000, '.'))}));
  }
  add(1);
  const auto first = static_cast<std::uint64_t>(apply(writes));
  reopen();
  EXPECT_EQ(repos().at(1).repo.head, head_of(40, 40));
  const auto all = events();
  ASSERT_EQ(all.size(), 40U);
  for (std::uint64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(static_cast<std::uint64_t>(all[i].id), first + i);
    EXPECT_TRUE(all[i].body.starts_with(std::to_string(i + 1) + "."));
  }
  fold();
  EXPECT_EQ(rkeys(1, "a.b.c").size(), 400U);
  EXPECT_EQ(queries_->records(RepoId{1}, "a.b.c", "", 1).value().front().cid, cid_of(40));
}

TEST_P(StoreContract, PageOfLargeEventsEndsEarlyButIsNeverEmpty) {
  std::vector<outbox::Draft> drafts;
  for (int i = 0; i < 5; ++i) drafts.push_back(draft(std::string(std::size_t{3} << 20, 'x')));
  apply(write_of({}, std::move(drafts)));
  std::vector<std::uint64_t> seen;
  std::size_t pages = 0;
  for (std::uint64_t after = 0;; ++pages) {
    const auto next = ids_of(events(after));
    if (next.empty()) break;
    seen.insert(seen.end(), next.begin(), next.end());
    after = next.back();
  }
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(pages, 2U);
}

TEST_P(StoreContract, EventsOfOneLaneAreFoundAmongTheOthers) {
  const auto in_lane = [](std::uint64_t lane, const std::string& body) {
    return outbox::Draft{outbox::LaneKey{lane}, outbox::Order::historical, body};
  };
  for (int i = 0; i < 4; ++i) {
    apply(write_of({}, {in_lane(1, "a"), in_lane(~std::uint64_t{0}, "b"), in_lane(2, "c")}));
  }
  ack({5, 8});
  const auto page = [&](std::uint64_t lane, std::uint64_t first, std::uint64_t last, std::size_t max = kAll) {
    auto found = queries_->lane_events(outbox::LaneKey{lane}, EventId{first}, EventId{last}, max).value();
    return std::pair(ids_of(found.events), static_cast<std::uint64_t>(found.next));
  };
  using Ids = std::vector<std::uint64_t>;
  EXPECT_EQ(page(1, 1, 12), std::pair(Ids({1, 4, 7, 10}), std::uint64_t{13}));
  EXPECT_EQ(page(~std::uint64_t{0}, 1, 12), std::pair(Ids({2, 11}), std::uint64_t{13}));
  EXPECT_EQ(page(1, 2, 7), std::pair(Ids({4, 7}), std::uint64_t{8})) << "both ends may lie within a row";
  EXPECT_EQ(page(2, 1, 12, 2), std::pair(Ids({3, 6}), std::uint64_t{7}));
  EXPECT_EQ(page(3, 1, 12), std::pair(Ids(), std::uint64_t{13}));
}

TEST_P(StoreContract, SearchForALaneEndsAPageWhenMuchWasLookedAt) {
  constexpr EventId kLast{11};
  const std::string large(std::size_t{4} << 20, 'x');
  for (int i = 0; i < 10; ++i) apply(write_of({}, {draft(large)}));
  apply(write_of({}, {outbox::Draft{outbox::LaneKey{1}, outbox::Order::historical, "sought"}}));
  std::vector<std::string> found;
  std::size_t pages = 0;
  for (EventId first{1}; first <= kLast; ++pages) {
    const auto page = queries_->lane_events(outbox::LaneKey{1}, first, kLast, kAll).value();
    for (const auto& event : page.events) found.push_back(event.body);
    first = page.next;
  }
  EXPECT_THAT(found, ElementsAre("sought"));
  EXPECT_EQ(pages, 2U);
}

TEST_P(StoreContract, EventSetAsideIsADeadLetterAndNoMoreDelivered) {
  apply(write_of({}, {draft("a"), draft("b"), draft("c")}));
  apply(write_of({SetAside{letter(2, "b")}}));
  reopen();
  EXPECT_THAT(ids_of(events()), ElementsAre(1, 3));
  EXPECT_EQ(store_->undelivered(), 2U);
  EXPECT_EQ(store_->dead_letters(), 1U);
  const auto letters = dead_letters();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].event.id, EventId{2});
  EXPECT_EQ(letters[0].event.lane, outbox::LaneKey{~std::uint64_t{0}});
  EXPECT_EQ(letters[0].event.order, outbox::Order::barrier);
  EXPECT_EQ(letters[0].event.body, "b");
  EXPECT_EQ(letters[0].did, "did:web:d1.example.com");
  EXPECT_EQ(letters[0].attempts, 3U);
  EXPECT_EQ(letters[0].since, 1'700'000'000);
  EXPECT_EQ(letters[0].reason, "no ack");
}

TEST_P(StoreContract, EventIsSetAsideOnce) {
  apply(write_of({}, {draft("a")}));
  apply(write_of({SetAside{letter(1, "a")}}));
  apply(write_of({SetAside{letter(1, "other")}}));
  EXPECT_EQ(store_->dead_letters(), 1U);
  EXPECT_EQ(dead_letters().at(0).event.body, "a");
  EXPECT_EQ(store_->undelivered(), 0U);
}

TEST_P(StoreContract, DeadLettersArePagedAndChosenByDid) {
  std::vector<outbox::Draft> drafts(6, draft("x"));
  apply(write_of({}, drafts));
  for (std::uint64_t id = 1; id <= 6; ++id) {
    apply(write_of({SetAside{letter(id, "x", "did:plc:" + std::string(1, id % 2 == 0 ? 'a' : 'b'))}}));
  }
  const auto ids = [](const std::vector<outbox::DeadLetter>& letters) {
    std::vector<std::uint64_t> out;
    for (const auto& kept : letters) out.push_back(static_cast<std::uint64_t>(kept.event.id));
    return out;
  };
  EXPECT_THAT(ids(dead_letters()), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(ids(dead_letters("", 2, 2)), ElementsAre(3, 4));
  EXPECT_THAT(ids(dead_letters("did:plc:a")), ElementsAre(2, 4, 6));
  EXPECT_THAT(ids(dead_letters("did:plc:a", 2, 1)), ElementsAre(4));
  EXPECT_THAT(dead_letters("did:plc:c"), IsEmpty());
  EXPECT_THAT(dead_letters("", 6), IsEmpty());
}

TEST_P(StoreContract, DeadLetterGoesBackAsANewEventInOneTransaction) {
  apply(write_of({}, {draft("a"), draft("b")}));
  apply(write_of({SetAside{letter(1, "a")}, SetAside{letter(2, "b")}}));
  apply(write_of({DropDeadLetters{{EventId{1}, EventId{77}}}}, {draft("a")}));
  reopen();
  EXPECT_EQ(store_->dead_letters(), 1U);
  EXPECT_EQ(dead_letters().at(0).event.id, EventId{2});
  EXPECT_THAT(ids_of(events()), ElementsAre(3));
}

TEST_P(StoreContract, DeadLettersSurviveACrashWhole) {
  apply(write_of({}, {draft("a"), draft("b")}));
  apply(write_of({SetAside{letter(1, "a")}}));
  auto copy = backend_->crashed_copy();
  if (!copy) GTEST_SKIP() << "the engine's server survives its clients";
  auto reopened = copy->open().value();
  EXPECT_EQ(reopened->dead_letters(), 1U);
  EXPECT_EQ(reopened->undelivered(), 1U);
}

}  // namespace
}  // namespace tap::store
