// SPDX-License-Identifier: MIT
#include "unit/store/store_contract.hpp"

namespace tap::store {
namespace {

using repos::Account;
using repos::State;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST_P(StoreContract, NewDatabaseIsEmpty) {
  EXPECT_THAT(repos(), IsEmpty());
  EXPECT_EQ(store_->undelivered(), 0U);
  EXPECT_EQ(store_->unfolded(), 0U);
  EXPECT_EQ(store_->last_repo(), RepoId{0});
  EXPECT_THAT(events(), IsEmpty());
  EXPECT_EQ(queries_->cursor("firehose", "relay"), "");
  EXPECT_EQ(queries_->details(RepoId{1}).value(), std::nullopt);
}

TEST_P(StoreContract, AddedRepoIsPendingWithoutHead) {
  add(5);
  reopen();
  const auto all = repos();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.at(5).did, did_of(5));
  EXPECT_EQ(all.at(5).repo, (repos::Repo{State::pending, Account::active, std::nullopt}));
}

TEST_P(StoreContract, EveryRepoIsLoadedHoweverManyThereAre) {
  constexpr std::uint64_t kRepos = 10'001;  // more than are read at once
  close();
  const std::string insert =
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(kRepos) +
      ") INSERT INTO repos (id, did, state, account) SELECT i, 'did:web:d' || i || '.example.com', 0, 0 FROM n";
  backend_->sql(insert, insert);
  open();
  const auto all = repos();
  EXPECT_EQ(all.size(), kRepos);
  EXPECT_TRUE(all.contains(kRepos));
}

TEST_P(StoreContract, AddOfAKnownDidChangesNothing) {
  apply(write_of({AddRepo{RepoId{1}, did_of(1)}, SetState{RepoId{1}, State::active, "", 0, 0}}));
  apply(write_of({AddRepo{RepoId{2}, did_of(1)}, SetState{RepoId{2}, State::error, "no", 1, 1}}));
  EXPECT_EQ(repos().size(), 1U);
  EXPECT_EQ(repos().at(1).repo.state, State::active);
}

TEST_P(StoreContract, StateAccountAndHandleAreKept) {
  add(1);
  apply(write_of({SetState{RepoId{1}, State::error, "it \"broke\"", 3, 1'700'000'000},
                  SetAccount{RepoId{1}, Account::inactive}, SetHandle{RepoId{1}, "a.example.com"}}));
  reopen();
  EXPECT_EQ(repos().at(1).repo, (repos::Repo{State::error, Account::inactive, std::nullopt}));
  const auto details = queries_->details(RepoId{1}).value().value();
  EXPECT_EQ(details.handle, "a.example.com");
  EXPECT_EQ(details.error, "it \"broke\"");
  EXPECT_EQ(details.retries, 3U);
  EXPECT_EQ(details.retry_after, 1'700'000'000);
}

TEST_P(StoreContract, HandleIsExpectedUntilItIsSetAlsoAcrossRestarts) {
  const auto due = [this] {
    std::map<std::uint64_t, bool> found;
    EXPECT_TRUE(
        store_->load_repos([&](const RepoRow& row) { found[static_cast<std::uint64_t>(row.id)] = row.handle_due; }));
    EXPECT_EQ(queries_->details(RepoId{1}).value().value().handle_due, found.at(1));
    return found.at(1);
  };
  add(1);
  reopen();
  EXPECT_TRUE(due());
  apply(write_of({SetHandle{RepoId{1}, "a.example.com"}}));
  reopen();
  EXPECT_FALSE(due());
  apply(write_of({ExpectHandle{RepoId{1}}}));
  reopen();
  EXPECT_TRUE(due());
}

TEST_P(StoreContract, HeadIsExactBeforeAndAfterTheFold) {
  add(1);
  apply(write_of({SetHead{RepoId{1}, head_of(10, 4)}}));
  EXPECT_EQ(repos().at(1).repo.head, head_of(10, 4));
  apply(write_of({AdvanceHead{RepoId{1}, head_of(11, 5), {put("a.b.c", "k", 1)}}}));
  apply(write_of({AdvanceHead{RepoId{1}, head_of(12, 6), {put("a.b.c", "l", 2)}}}));
  EXPECT_EQ(store_->unfolded(), 2U);
  EXPECT_EQ(repos().at(1).repo.head, head_of(12, 6));
  reopen();
  EXPECT_EQ(store_->unfolded(), 2U);
  EXPECT_EQ(repos().at(1).repo.head, head_of(12, 6));
  fold();
  EXPECT_EQ(store_->unfolded(), 0U);
  EXPECT_EQ(repos().at(1).repo.head, head_of(12, 6));
  reopen();
  EXPECT_EQ(repos().at(1).repo.head, head_of(12, 6));
}

TEST_P(StoreContract, HeadIsExactAlsoBehindManyUnfoldedCommits) {
  constexpr std::uint64_t kCommits = 1'050;  // more than are read at once
  add(1);
  for (std::uint64_t rev = 1; rev <= kCommits; ++rev) {
    apply(write_of({AdvanceHead{RepoId{1}, head_of(rev, 1), {put("a.b.c", "k", 1)}}}));
  }
  reopen();
  EXPECT_EQ(store_->unfolded(), kCommits);
  EXPECT_EQ(repos().at(1).repo.head, head_of(kCommits, 1));
}

TEST_P(StoreContract, RevsOfAllSixtyFourBitsComeBack) {
  add(1);
  const repos::Head head{atproto::Tid(~std::uint64_t{0}), cid_of(3), ~std::uint64_t{0} >> 1};
  apply(write_of({SetHead{RepoId{1}, head}}));
  EXPECT_EQ(repos().at(1).repo.head, head);
}

TEST_P(StoreContract, FoldBringsRecordChangesInOrder) {
  add(1);
  apply(write_of({AdvanceHead{RepoId{1}, head_of(1, 2), {put("a.b.c", "x", 1), put("a.b.d", "x", 2)}}}));
  apply(write_of({AdvanceHead{RepoId{1}, head_of(2, 2), {put("a.b.c", "y", 3), erase("a.b.c", "x")}}}));
  apply(write_of({AdvanceHead{RepoId{1}, head_of(3, 2), {put("a.b.c", "x", 4), put("a.b.c", "y", 7)}}}));
  EXPECT_THAT(rkeys(1, "a.b.c"), IsEmpty()) << "not folded yet";
  fold();
  EXPECT_THAT(rkeys(1, "a.b.c"), ElementsAre("x", "y"));
  EXPECT_THAT(queries_->collections(RepoId{1}).value(), ElementsAre("a.b.c", "a.b.d"));
  const auto records = queries_->records(RepoId{1}, "a.b.c", "", kAll).value();
  EXPECT_EQ(records[0].cid, cid_of(4));
  EXPECT_EQ(records[1].cid, cid_of(7)) << "a raw CID keeps its codec";
  apply(write_of({AdvanceHead{RepoId{1}, head_of(4, 1), {erase("a.b.d", "x")}}}));
  fold();
  EXPECT_THAT(queries_->collections(RepoId{1}).value(), ElementsAre("a.b.c"));
}

TEST_P(StoreContract, RecordsComeInByteOrderOfTheirKeysPageByPage) {
  add(1);
  // TIDs, prefixes of TIDs, longer texts that begin like one, capitals and signs before, between and behind them.
  const std::vector<std::string> keys = {"-",
                                         "0",
                                         "1zzz",
                                         "2222222222222",
                                         "3",
                                         "3kb3fge5lm32w",
                                         "3kb3fge5lm32x",
                                         "3kb3fge5lm32x2",
                                         "3kb3fge5lm32y",
                                         "3kb3fge5lm3",
                                         "A",
                                         "a222222222222",
                                         "aZ",
                                         "azzzzzzzzzzzz",
                                         "bzzzzzzzzzzzz",
                                         "c222222222222",
                                         "jzzzzzzzzzzzz",
                                         "self",
                                         "zzzzzzzzzzzzz",
                                         "~"};
  std::vector<std::string> sorted = keys;
  std::ranges::sort(sorted);
  PutRecords puts{RepoId{1}, {}};
  for (std::size_t i = 0; i < keys.size(); ++i) puts.changes.push_back(put("a.b.c", keys[(i * 7) % keys.size()], i));
  apply(write_of({puts}));
  EXPECT_EQ(rkeys(1, "a.b.c"), sorted);
  for (const std::size_t page : {1UL, 2UL, 3UL, 50UL}) {
    std::vector<std::string> paged;
    for (std::string after;;) {
      const auto next = rkeys(1, "a.b.c", after, page);
      if (next.empty()) break;
      ASSERT_LE(next.size(), page);
      paged.insert(paged.end(), next.begin(), next.end());
      after = next.back();
    }
    EXPECT_EQ(paged, sorted) << "pages of " << page;
  }
  EXPECT_THAT(rkeys(1, "a.b.c", "3kb3fge5lm32wz", 1), ElementsAre("3kb3fge5lm32x")) << "after a key that is not there";
  EXPECT_THAT(rkeys(1, "x.y.z"), IsEmpty());
  EXPECT_THAT(rkeys(2, "a.b.c"), IsEmpty());
}

TEST_P(StoreContract, DirectWritesComeAfterWhatIsJournaled) {
  add(1);
  add(2);
  apply(write_of({AdvanceHead{RepoId{1}, head_of(1, 1), {put("a.b.c", "x", 1)}},
                  AdvanceHead{RepoId{2}, head_of(1, 1), {put("a.b.c", "z", 1)}}},
                 {draft("one")}));
  // In one transaction with more of the journal, and against the advice to fold before.
  apply(write_of({AdvanceHead{RepoId{1}, head_of(2, 2), {put("a.b.c", "y", 2)}},
                  PutRecords{RepoId{1}, {erase("a.b.c", "x"), put("a.b.c", "y", 3)}}, SetHead{RepoId{1}, head_of(9, 1)},
                  AdvanceHead{RepoId{1}, head_of(10, 2), {put("a.b.c", "z", 4)}}},
                 {draft("two"), draft("three")}));
  EXPECT_EQ(repos().at(1).repo.head, head_of(10, 2));
  fold();
  EXPECT_EQ(repos().at(1).repo.head, head_of(10, 2));
  EXPECT_THAT(rkeys(1, "a.b.c"), ElementsAre("y", "z"));
  EXPECT_EQ(queries_->records(RepoId{1}, "a.b.c", "", 1).value().front().cid, cid_of(3));
  EXPECT_THAT(rkeys(2, "a.b.c"), ElementsAre("z"));
  EXPECT_THAT(bodies_of(events()), ElementsAre("one", "two", "three"));
}

TEST_P(StoreContract, RecordsAreWrittenAndReplacedSideBySide) {
  add(1);
  add(2);
  apply(write_of({PutRecords{RepoId{1}, {put("a.b.c", "d", 1), put("a.b.c", "m", 1), put("a.b.e", "x", 1)}}}));
  // New ones before, between and behind what is there, and where there is nothing.
  apply(write_of({PutRecords{RepoId{1},
                             {put("a.b.c", "a", 2), put("a.b.c", "m", 2), put("a.b.c", "z", 2), put("a.b.d", "d", 2),
                              put("a.b.e", "y", 2)}},
                  PutRecords{RepoId{2}, {put("a.b.c", "m", 2)}}}));
  const auto cids = [&](std::uint64_t id, const std::string& collection) {
    std::vector<std::pair<std::string, atproto::Cid>> out;
    for (const Record& record : queries_->records(RepoId{id}, collection, "", kAll).value()) {
      out.emplace_back(record.rkey, record.cid);
    }
    return out;
  };
  EXPECT_THAT(cids(1, "a.b.c"),
              ElementsAre(Pair("a", cid_of(2)), Pair("d", cid_of(1)), Pair("m", cid_of(2)), Pair("z", cid_of(2))));
  EXPECT_THAT(cids(1, "a.b.d"), ElementsAre(Pair("d", cid_of(2))));
  EXPECT_THAT(cids(1, "a.b.e"), ElementsAre(Pair("x", cid_of(1)), Pair("y", cid_of(2))));
  EXPECT_THAT(cids(2, "a.b.c"), ElementsAre(Pair("m", cid_of(2))));
  apply(write_of({PutRecords{RepoId{1}, {put("a.b.c", "z", 3), put("a.b.d", "d", 3)}},
                  PutRecords{RepoId{2}, {put("a.b.c", "l", 3), put("a.b.c", "n", 3)}}}));
  apply(write_of({PutRecords{RepoId{2}, {put("a.b.c", "n", 4), put("a.b.c", "o", 4)}}}));
  EXPECT_THAT(cids(1, "a.b.c"),
              ElementsAre(Pair("a", cid_of(2)), Pair("d", cid_of(1)), Pair("m", cid_of(2)), Pair("z", cid_of(3))));
  EXPECT_THAT(cids(1, "a.b.d"), ElementsAre(Pair("d", cid_of(3))));
  EXPECT_THAT(cids(2, "a.b.c"),
              ElementsAre(Pair("l", cid_of(3)), Pair("m", cid_of(2)), Pair("n", cid_of(4)), Pair("o", cid_of(4))));
}

TEST_P(StoreContract, RemovedRepoStaysRemovedWhateverIsUnfolded) {
  add(1);
  add(2);
  apply(write_of({PutRecords{RepoId{1}, {put("a.b.c", "r", 1)}}, BufferCommit{RepoId{1}, atproto::Tid(4), {1}}}));
  apply(write_of({AdvanceHead{RepoId{1}, head_of(5, 1), {put("a.b.c", "x", 1)}}}, {draft("told")}));
  apply(write_of({RemoveRepo{RepoId{1}}}));
  apply(write_of({AdvanceHead{RepoId{1}, head_of(6, 1), {put("a.b.c", "late", 1)}}, SetHead{RepoId{1}, head_of(7, 1)},
                  PutRecords{RepoId{1}, {put("a.b.c", "later", 1)}}, BufferCommit{RepoId{1}, atproto::Tid(9), {1}},
                  SetState{RepoId{1}, State::active, "", 0, 0}, SetHandle{RepoId{1}, "late.example.com"}}));
  EXPECT_EQ(repos().size(), 1U);
  fold();
  EXPECT_EQ(repos().size(), 1U);
  EXPECT_THAT(queries_->collections(RepoId{1}).value(), IsEmpty());
  EXPECT_EQ(queries_->buffered_count(), 0U);
  EXPECT_THAT(bodies_of(events()), ElementsAre("told")) << "its events stay";
}

TEST_P(StoreContract, ReaddedRepoHasNothingOfItsFormerSelf) {
  add(1);
  apply(write_of({AdvanceHead{RepoId{1}, head_of(5, 1), {put("a.b.c", "x", 1)}}}));
  apply(write_of({RemoveRepo{RepoId{1}}, AddRepo{RepoId{2}, did_of(1)}}));
  fold();
  const auto all = repos();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.at(2).did, did_of(1));
  EXPECT_EQ(all.at(2).repo.head, std::nullopt);
  EXPECT_THAT(rkeys(2, "a.b.c"), IsEmpty());
}

TEST_P(StoreContract, HighestRepoIdOutlivesItsRepo) {
  add(3);
  add(9);
  apply(write_of({RemoveRepo{RepoId{9}}}));
  EXPECT_EQ(store_->last_repo(), RepoId{9});
  reopen();
  EXPECT_EQ(store_->last_repo(), RepoId{9});
}

TEST_P(StoreContract, BufferedCommitsComeInOrderAndGoByRev) {
  add(1);
  add(2);
  const std::uint64_t high = std::uint64_t{1} << 63;
  apply(
      write_of({BufferCommit{RepoId{1}, atproto::Tid(5), {1}}, BufferCommit{RepoId{2}, atproto::Tid(1), {2}},
                BufferCommit{RepoId{1}, atproto::Tid(3), {}}, BufferCommit{RepoId{1}, atproto::Tid(high), {4, 0, 4}}}));
  reopen();
  auto kept = queries_->buffered(RepoId{1}, 0, kAll).value();
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].rev, atproto::Tid(5));
  EXPECT_EQ(kept[1].commit, Bytes{});
  EXPECT_EQ(kept[2].rev, atproto::Tid(high));
  EXPECT_EQ(kept[2].commit, (Bytes{4, 0, 4}));
  EXPECT_EQ(queries_->buffered(RepoId{1}, kept[0].row, 1).value().front().row, kept[1].row);
  EXPECT_EQ(queries_->buffered_count(), 4U);

  apply(write_of({DropBuffered{RepoId{1}, atproto::Tid(5)}}));
  ASSERT_EQ(queries_->buffered(RepoId{1}, 0, kAll)->size(), 1U);
  apply(write_of({DropBuffered{RepoId{1}}}));
  EXPECT_EQ(queries_->buffered_count(), 1U);
  apply(write_of({DropBuffered{RepoId{2}}, BufferCommit{RepoId{1}, atproto::Tid(1), {1}}}));
  EXPECT_GT(queries_->buffered(RepoId{1}, 0, 1)->front().row, kept[2].row) << "a reader's mark never moves backwards";
}

TEST_P(StoreContract, CursorsAreKeptByKindAndKey) {
  apply(write_of({SaveCursor{"firehose", "wss://a", "1"}, SaveCursor{"firehose", "wss://b", "2"},
                  SaveCursor{"list_repos", "wss://a", "x"}}));
  apply(write_of({SaveCursor{"firehose", "wss://a", "3"}}));
  reopen();
  EXPECT_EQ(queries_->cursor("firehose", "wss://a"), "3");
  EXPECT_EQ(queries_->cursor("firehose", "wss://b"), "2");
  EXPECT_EQ(queries_->cursor("list_repos", "wss://a"), "x");
  EXPECT_EQ(queries_->cursor("collection", "wss://a"), "");
}

TEST_P(StoreContract, TextOfStrangersComesBackAsItWas) {
  using namespace std::string_literals;
  const std::string text = "nul \0 and no UTF-8: \xff\xfe"s;
  add(1);
  apply(write_of({SetState{RepoId{1}, State::error, text, 1, 0}, SaveCursor{"list_repos", text, text}}, {draft(text)}));
  apply(write_of({SetAside{letter(1, text)}}, {draft(text)}));
  reopen();
  EXPECT_EQ(queries_->details(RepoId{1}).value().value().error, text);
  EXPECT_EQ(queries_->cursor("list_repos", text), text);
  EXPECT_EQ(dead_letters().at(0).event.body, text);
  EXPECT_EQ(events().at(0).body, text);
}

TEST_P(StoreContract, FoldGoesInSlicesBetweenCommits) {
  std::vector<Mutation> adds;
  for (std::uint64_t id = 1; id <= 50; ++id) adds.emplace_back(AddRepo{RepoId{id}, did_of(id)});
  apply(write_of(adds));
  for (std::uint64_t id = 1; id <= 50; ++id) {
    apply(write_of({AdvanceHead{RepoId{id}, head_of(1, 2), {put("a.b.c", "x", 1), put("a.b.c", "y", 1)}}}));
  }
  const EventId target = store_->next_event();
  int slices = 0;
  while (store_->folded() < target) {
    ASSERT_TRUE(store_->fold_slice(30));
    ++slices;
    // A commit, a removal and a direct write while the fold is half way.
    const auto id = static_cast<std::uint64_t>(slices) * 9;
    apply(write_of({AdvanceHead{RepoId{id}, head_of(2, 1), {erase("a.b.c", "x")}}, RemoveRepo{RepoId{id + 1}}}));
    if (slices == 3) apply(write_of({PutRecords{RepoId{50}, {put("a.b.c", "w", 1)}}}));
  }
  EXPECT_GT(slices, 2);
  fold();
  EXPECT_EQ(store_->unfolded(), 0U);
  EXPECT_THAT(rkeys(9, "a.b.c"), ElementsAre("y"));
  EXPECT_THAT(rkeys(10, "a.b.c"), IsEmpty());
  EXPECT_THAT(rkeys(50, "a.b.c"), ElementsAre("w", "x", "y"));
  EXPECT_EQ(repos().at(9).repo.head, head_of(2, 1));
}

TEST_P(StoreContract, SaysWhichReposAreUnfolded) {
  add(1);
  add(2);
  apply(write_of({AdvanceHead{RepoId{1}, head_of(1, 0), {}}}));
  EXPECT_TRUE(store_->has_unfolded(RepoId{1}));
  EXPECT_FALSE(store_->has_unfolded(RepoId{2}));
  reopen();
  EXPECT_TRUE(store_->has_unfolded(RepoId{1}));
  fold();
  EXPECT_FALSE(store_->has_unfolded(RepoId{1}));
  EXPECT_EQ(store_->folded(), store_->next_event());
}

TEST_P(StoreContract, SecondOpenerIsToldThatItIsBusy) {
  auto second = backend_->open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), Errc::busy);
  add(1);
  EXPECT_EQ(repos().size(), 1U) << "the first is not disturbed";
  close();
  open();
}

TEST_P(StoreContract, SurvivesACrashAtAnyCommit) {
  add(1);
  EventId last{};
  for (std::uint64_t i = 1; i <= 6; ++i) {
    last = apply({write_of({AdvanceHead{RepoId{1}, head_of(i, i), {put("a.b.c", std::to_string(i), i)}},
                            SaveCursor{"firehose", "r", std::to_string(i)}},
                           {draft(std::to_string(i))})},
                 {last});
    if (i == 3) fold();
    if (i == 4) ASSERT_TRUE(store_->checkpoint());
    auto copy = backend_->crashed_copy();
    if (!copy) GTEST_SKIP() << "the engine's server survives its clients";
    auto reopened = copy->open().value();
    auto queries = reopened->queries().value();
    EXPECT_EQ(queries->cursor("firehose", "r"), std::to_string(i));
    EXPECT_THAT(bodies_of(queries->events(EventId{}, kAll).value()), ElementsAre(std::to_string(i)));
    std::optional<repos::Head> head;
    ASSERT_TRUE(reopened->load_repos([&](const RepoRow& row) { head = row.repo.head; }));
    EXPECT_EQ(head, head_of(i, i));
    ASSERT_TRUE(reopened->fold());
    EXPECT_EQ(queries->records(RepoId{1}, "a.b.c", "", kAll)->size(), i);
    queries.reset();
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreContract, testing::ValuesIn(engines_that_are_read()), engine_name);

}  // namespace
}  // namespace tap::store
