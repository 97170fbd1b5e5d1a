// SPDX-License-Identifier: MIT
// What becomes of each of the original's rows.
#include "store/original/mapping.hpp"
#include "unit/store/original.hpp"

namespace tap::store {
namespace {

using repos::Account;
using repos::State;
using test::OriginalEvent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST_P(Original, EmptyDatabaseBecomesOurs) {
  open();
  EXPECT_THAT(repos(), IsEmpty());
  EXPECT_THAT(events(), IsEmpty());
  if (is_sqlite()) EXPECT_EQ(next_id(), 1U) << "none was ever given";
  expect_sound();
}

TEST_P(Original, ReposRecordsEventsAndCursorsAreThereAlsoAfterARestart) {
  const std::string did = follow(1);
  old_->record(did, kPosts, kRev, cid_of(2).str());
  old_->record(did, "app.bsky.graph.follow", "a:b", cid_of(7).str());
  old_->repo({.did = did_of(2).str(),
              .state = "error",
              .status = "suspended",
              .error = "no \"luck\"",
              .retries = 4,
              .retry_after = 1'700'000'000});
  old_->repo({.did = did_of(3).str(), .state = "pending"});
  add_event(5, did);
  old_->firehose_cursor("https://relay.example.com", 4'711);
  old_->list_repos_cursor("https://relay.example.com/", "2000");
  old_->collection_cursor("https://relay.example.com", kPosts, "xyz");
  for (int start = 0; start < 2; ++start) {
    open();
    auto all = repos();
    ASSERT_EQ(all.size(), 3U);
    const RepoRow& one = all.at(did);
    EXPECT_EQ(one.repo,
              (repos::Repo{State::active, Account::active, repos::Head{*atproto::Tid::parse(kRev), cid_of(1), 3}}));
    EXPECT_EQ(details(one).handle, "h1.example.com");
    EXPECT_FALSE(one.handle_due);
    EXPECT_THAT(records(one), UnorderedElementsAre(Pair("app.bsky.feed.post/self", cid_of(1)),
                                                   Pair("app.bsky.feed.post/" + kRev, cid_of(2)),
                                                   Pair("app.bsky.graph.follow/a:b", cid_of(7))));
    const RepoRow& two = all.at(did_of(2).str());
    EXPECT_EQ(two.repo, (repos::Repo{State::error, Account::suspended, std::nullopt}));
    EXPECT_EQ(details(two).error, "no \"luck\"");
    EXPECT_EQ(details(two).retries, 4U);
    EXPECT_EQ(details(two).retry_after, 1'700'000'000);
    EXPECT_TRUE(two.handle_due);
    EXPECT_EQ(all.at(did_of(3).str()).repo.state, State::pending);
    EXPECT_EQ(messages(), sent_);
    EXPECT_EQ(queries_->cursor("firehose", "https://relay.example.com"), "4711");
    EXPECT_EQ(queries_->cursor("list_repos", "https://relay.example.com"), "2000");
    EXPECT_EQ(queries_->cursor("collection", std::string("https://relay.example.com ") + kPosts), "xyz");
    EXPECT_EQ(store_->undelivered(), 1U);
    EXPECT_EQ(store_->last_repo(), RepoId{3});
    expect_sound();
  }
}

TEST_P(Original, EventsKeepTheirIdsAndTheirOrderOverGaps) {
  const std::string did = follow(1);
  for (const std::int64_t id : {3, 4, 9, 10, 1'000'000}) add_event(id, id == 9 ? did_of(50).str() : did, id != 4);
  open();
  EXPECT_EQ(messages(), sent_);
  EXPECT_THAT(ids_of(events()), ElementsAre(3, 4, 9, 10, 1'000'000));
  EXPECT_EQ(events()[0].order, outbox::Order::barrier);
  EXPECT_EQ(events()[1].order, outbox::Order::historical);
  EXPECT_NE(events()[2].lane, events()[1].lane) << "a repo that is followed no more";
  ASSERT_TRUE(store_->apply({}, std::vector{EventId{4}, EventId{5}, EventId{9}}));
  EXPECT_GT(next_id(), 1'000'000U);
  close();
  open();
  EXPECT_THAT(ids_of(events()), testing::Contains(10U));
  EXPECT_EQ(store_->undelivered(), 4U);
  expect_sound();
}

TEST_P(Original, IdsGoOnAboveTheHighestThatWasEverGiven) {
  add_event(500, follow(1));
  old_->run("DELETE FROM outbox_buffers");
  open();
  EXPECT_GT(next_id(), 500U);
  EXPECT_THAT(ids_of(events()), testing::SizeIs(1));
}

TEST_P(Original, CursorsOfSeveralSpellingsBecomeOne) {
  old_->firehose_cursor("https://relay.example.com/", 900);
  old_->firehose_cursor("https://relay.example.com", 1'000);
  old_->firehose_cursor("relay.example.com", 7);
  old_->list_repos_cursor("https://relay.example.com/", "12");
  old_->list_repos_cursor("https://relay.example.com", "900");
  old_->collection_cursor("https://relay.example.com/", kPosts, "x");
  old_->collection_cursor("https://relay.example.com", kPosts, "x");
  open();
  EXPECT_EQ(queries_->cursor("firehose", "https://relay.example.com"), "1000") << "a stream only goes forward";
  EXPECT_EQ(queries_->cursor("list_repos", "https://relay.example.com"), "") << "which is ahead is not known";
  EXPECT_EQ(queries_->cursor("collection", std::string("https://relay.example.com ") + kPosts), "x");
}

TEST_P(Original, HandlesThatAreNoneAreVerified) {
  for (const auto& [number, handle] : std::vector<std::pair<int, std::string>>{
           {1, "a.example.com"}, {2, "handle.invalid"}, {3, ""}, {4, "no handle"}}) {
    old_->repo({.did = did_of(static_cast<std::uint64_t>(number)).str(),
                .handle = handle,
                .rev = kRev,
                .prev_data = cid_of(1).str()});
  }
  open();
  std::map<std::string, bool> due;
  for (const auto& [did, row] : repos()) due[details(row).handle] |= row.handle_due;
  EXPECT_THAT(due, ElementsAre(Pair("", true), Pair("a.example.com", false), Pair("handle.invalid", true)));
}

TEST_P(Original, FetchThatWasCutShortKeepsWhatItHasTold) {
  const std::string did = did_of(1).str();
  old_->repo({.did = did, .state = "resyncing"});
  old_->record(did, kPosts, "told", cid_of(1).str());
  open();
  const auto all = repos();
  EXPECT_EQ(all.at(did).repo, (repos::Repo{State::desynchronized, Account::active, std::nullopt}));
  EXPECT_THAT(records(all.at(did)), UnorderedElementsAre(Pair("app.bsky.feed.post/told", cid_of(1))));
  expect_sound();
}

TEST_P(Original, RowsWithoutSenseStopNothing) {
  const std::string good = follow(1);
  add_event(1, good);
  const std::string torn_record = follow(2);
  old_->record(torn_record, kPosts, "bad", "bafynope");
  old_->record(torn_record, "no collection", "x", cid_of(1).str());
  const std::string odd_state = did_of(3).str();
  old_->repo({.did = odd_state, .state = "asleep", .rev = kRev, .prev_data = cid_of(1).str()});
  old_->repo({.did = "alice.example.com", .state = "pending"});
  old_->record("alice.example.com", kPosts, "x", cid_of(1).str());
  old_->record(did_of(99).str(), kPosts, "x", cid_of(1).str());
  old_->event(8, did_of(99).str(), true, "");
  old_->event(9, "alice.example.com", true, "{}");
  old_->firehose_cursor("nowhere", 5);
  open();
  const auto all = repos();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.at(good).repo.state, State::active);
  EXPECT_EQ(all.at(torn_record).repo.state, State::desynchronized);
  EXPECT_THAT(details(all.at(torn_record)).error, HasSubstr("imported: "));
  EXPECT_THAT(records(all.at(torn_record)),
              UnorderedElementsAre(Pair("app.bsky.feed.post/self", cid_of(2)),
                                   Pair("app.bsky.feed.post/bad", original::unknown_content())));
  EXPECT_EQ(all.at(odd_state).repo.state, State::desynchronized);
  EXPECT_EQ(messages(), sent_);
  EXPECT_GT(next_id(), 9U);
  expect_sound();
}

TEST_P(Original, EventThatCannotBeReadIsToldByTheNextFetch) {
  const std::string known = follow(1, "a");
  old_->record(known, kPosts, "b", cid_of(2).str());
  const std::string torn = OriginalEvent{.id = 1, .did = known, .rkey = "gone", .action = "delete"}.data();
  old_->event(1, known, true, torn.substr(0, torn.size() - 1));
  const std::string unknown = follow(2, "a");
  old_->record(unknown, kPosts, "b", cid_of(2).str());
  old_->event(2, unknown, true, R"({"id":2,"ty)");
  old_->event(3, unknown, true, R"({"id":3,"ty)");
  open();
  const auto all = repos();
  const auto nothing = original::unknown_content();
  EXPECT_THAT(records(all.at(known)),
              UnorderedElementsAre(Pair("app.bsky.feed.post/a", cid_of(1)), Pair("app.bsky.feed.post/b", cid_of(2)),
                                   Pair("app.bsky.feed.post/gone", nothing)))
      << "a fetch finds it gone, and tells of a delete";
  EXPECT_THAT(records(all.at(unknown)),
              UnorderedElementsAre(Pair("app.bsky.feed.post/a", nothing), Pair("app.bsky.feed.post/b", nothing)));
  EXPECT_TRUE(all.at(unknown).handle_due) << "it may have been an identity";
  EXPECT_EQ(details(all.at(unknown)).handle, "");
  for (const auto& [did, repo] : all) EXPECT_EQ(repo.repo.state, State::desynchronized) << did;
  EXPECT_THAT(events(), IsEmpty());
  expect_sound();
}

TEST_P(Original, CommitsThatWereHeldBackAreFetched) {
  const auto held = [&](std::int64_t id, const std::string& did, const std::string& rev) {
    old_->held_commit(id, did,
                      R"({"did":")" + did + R"(","rev":")" + rev + R"(","data_cid":"x","prev_data":"","ops":[)" +
                          std::string(2'000, ' ') + "]}");
  };
  const std::string left = follow(1);
  const std::string stale = follow(2);
  held(1, left, "3kc3fge5lm32x");
  held(2, left, "3ka3fge5lm32x");
  held(3, stale, "3ka3fge5lm32x");
  held(4, stale, kRev);
  held(5, did_of(9).str(), "3kc3fge5lm32x");
  open();
  EXPECT_EQ(repos().at(left).repo.state, State::desynchronized);
  EXPECT_EQ(repos().at(stale).repo.state, State::active);
  EXPECT_EQ(queries_->buffered_count(), 0U);
}

TEST_P(Original, ManyRowsOfEachKind) {
  constexpr std::uint64_t kRepos = 3'000;
  std::map<std::string, std::size_t> wanted;
  for (std::uint64_t i = 0; i < kRepos; ++i) wanted[follow(i, "")] = i % 97 == 0 ? 700 : i % 3;
  for (const auto& [did, count] : wanted) {
    for (std::size_t i = 0; i < count; ++i) old_->record(did, kPosts, "r" + std::to_string(i), cid_of(i).str());
  }
  for (std::int64_t id = 1; id <= 2'500; ++id) {
    if (id % 100 != 0) add_event(id, did_of(static_cast<std::uint64_t>(id) % 40).str());
  }
  open();
  const auto all = repos();
  EXPECT_EQ(all.size(), kRepos);
  for (const auto& [did, row] : all) EXPECT_EQ(row.repo.head->records, wanted.at(did)) << did;
  EXPECT_EQ(messages(), sent_);
  expect_sound();  // which counts the records
}

INSTANTIATE_TEST_SUITE_P(Engines, Original, testing::ValuesIn(engines()), engine_name);

}  // namespace
}  // namespace tap::store
