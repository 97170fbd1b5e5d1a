// SPDX-License-Identifier: MIT
// A database that the original Tap made, opened by ours: the same tests for both engines.
#include "tap/store/check.hpp"

#include "store/original/mapping.hpp"
#include "support/original_database.hpp"
#include "unit/store/store_contract.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace tap::store {
namespace {

using repos::Account;
using repos::State;
using test::OriginalDatabase;
using test::OriginalEvent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* kPosts = "app.bsky.feed.post";
const std::string kRev = "3kb3fge5lm32x";

std::string plain(std::string_view url) { return std::string(url.substr(0, url.find_last_not_of('/') + 1)); }

/// As the program's does: one name for all spellings.
std::optional<SaveCursor> name_of(const OriginalCursor& cursor) {
  if (!cursor.url.starts_with("http")) return std::nullopt;
  std::string key = plain(cursor.url);
  if (!cursor.collection.empty()) key += " " + std::string(cursor.collection);
  return SaveCursor{std::string(cursor.kind), key, cursor.value};
}

class Original : public testing::TestWithParam<EngineCase> {
 protected:
  void SetUp() override {
    if (const std::string reason = GetParam().missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    backend_ = GetParam().make();
    old_.emplace(make_original());
  }
  void TearDown() override {
    close();
    old_.reset();
  }

  [[nodiscard]] bool is_sqlite() const { return dynamic_cast<SqliteBackend*>(backend_.get()) != nullptr; }
  [[nodiscard]] std::string url() const {
    if (is_sqlite()) return "sqlite://" + dynamic_cast<SqliteBackend&>(*backend_).path();
    return dynamic_cast<PostgresBackend&>(*backend_).url();
  }
  [[nodiscard]] OriginalDatabase make_original() const {
    return is_sqlite() ? OriginalDatabase::in_sqlite(dynamic_cast<SqliteBackend&>(*backend_).path())
                       : OriginalDatabase::in_postgres(url());
  }
  [[nodiscard]] test::SqlRunner sql() const {
    return is_sqlite() ? test::sqlite_runner(dynamic_cast<SqliteBackend&>(*backend_).path())
                       : test::postgres_runner(url());
  }
  void run_sql(const std::string& statements) const { sql()(statements); }

  Result<void> try_open(const CursorNames& names = name_of) {
    old_.reset();  // the original has ended
    auto opened = open_store(url(), {.cursor_names = names});
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    queries_ = store_->queries().value();
    return {};
  }
  void open() {
    if (old_) old_->flush();
    const auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().message();
  }
  void close() {
    queries_.reset();
    store_.reset();
  }

  std::map<std::string, RepoRow> repos() {
    std::map<std::string, RepoRow> out;
    EXPECT_TRUE(store_->load_repos([&](const RepoRow& row) { out.emplace(row.did.str(), row); }));
    return out;
  }
  RepoDetails details(const RepoRow& repo) { return queries_->details(repo.id).value().value(); }
  std::map<std::string, atproto::Cid> records(const RepoRow& repo) {
    std::map<std::string, atproto::Cid> out;
    for (const std::string& collection : queries_->collections(repo.id).value()) {
      for (const Record& record : queries_->records(repo.id, collection, "", kAll).value()) {
        out.emplace(collection + "/" + record.rkey, record.cid);
      }
    }
    return out;
  }
  std::vector<outbox::Event> events() { return queries_->events(EventId{}, kAll).value(); }
  /// What a consumer is sent.
  std::vector<std::string> messages() {
    std::vector<std::string> out;
    for (const outbox::Event& event : events()) {
      out.push_back("{\"id\":" + std::to_string(static_cast<std::uint64_t>(event.id)) + event.body);
    }
    return out;
  }
  std::uint64_t next_id() {
    const Write write{.mutations = {}, .events = {draft(",\"type\":\"record\"}")}};
    return static_cast<std::uint64_t>(store_->apply({&write, 1}, {}).value());
  }
  void expect_sound() {
    close();
    const auto report = check_database(url());
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->is_sound()) << report->text();
  }

  /// An active repo, with one record unless none is wanted.
  std::string follow(std::uint64_t number, const std::string& rkey = "self") {
    const std::string did = did_of(number).str();
    old_->repo({.did = did,
                .handle = "h" + std::to_string(number) + ".example.com",
                .rev = kRev,
                .prev_data = cid_of(number).str()});
    if (!rkey.empty()) old_->record(did, kPosts, rkey, cid_of(number).str());
    return did;
  }
  void add_event(std::int64_t id, const std::string& did, bool live = true) {
    const OriginalEvent event{.id = id, .did = did, .live = live, .cid = cid_of(1).str()};
    old_->event(id, did, live, event.data());
    sent_.push_back(event.data());
  }

  std::unique_ptr<Backend> backend_;
  std::optional<OriginalDatabase> old_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Queries> queries_;
  std::vector<std::string> sent_;
};

TEST_P(Original, EmptyDatabaseBecomesOurs) {
  open();
  EXPECT_THAT(repos(), IsEmpty());
  EXPECT_THAT(events(), IsEmpty());
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

INSTANTIATE_TEST_SUITE_P(Engines, Original, testing::ValuesIn(engines()), engine_name);

}  // namespace
}  // namespace tap::store
