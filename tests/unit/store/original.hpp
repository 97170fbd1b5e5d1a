// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/check.hpp"

#include "support/original_database.hpp"
#include "unit/store/store_contract.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tap::store {

inline constexpr const char* kPosts = "app.bsky.feed.post";
inline const std::string kRev = "3kb3fge5lm32x";

inline std::string plain(std::string_view url) { return std::string(url.substr(0, url.find_last_not_of('/') + 1)); }

/// As the program's does: one name for all spellings.
inline std::optional<SaveCursor> name_of(const OriginalCursor& cursor) {
  if (!cursor.url.starts_with("http")) return std::nullopt;
  std::string key = plain(cursor.url);
  if (!cursor.collection.empty()) key += " " + std::string(cursor.collection);
  return SaveCursor{std::string(cursor.kind), key, cursor.value};
}

/// A database that the original Tap made, opened by ours: the same tests for both engines.
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
  [[nodiscard]] test::OriginalDatabase make_original() const {
    return is_sqlite() ? test::OriginalDatabase::in_sqlite(dynamic_cast<SqliteBackend&>(*backend_).path())
                       : test::OriginalDatabase::in_postgres(url());
  }
  [[nodiscard]] test::SqlRunner sql() const {
    return is_sqlite() ? test::sqlite_runner(dynamic_cast<SqliteBackend&>(*backend_).path())
                       : test::postgres_runner(url());
  }
  void run_sql(const std::string& statements) const { sql()(statements); }
  /// What a start of the original on our database makes, had it come so far.
  void run_original_again() const {
    run_sql(
        "CREATE TABLE outbox_buffers (id integer PRIMARY KEY, did text NOT NULL, live boolean NOT NULL, data text "
        "NOT NULL)");
  }

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
    const Write write{.mutations = {},
                      .events = {outbox::render(outbox::IdentityEvent{
                          .did = "did:web:d1.example.com", .handle = "a.example.com", .status = "active"})}};
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
    const test::OriginalEvent event{.id = id, .did = did, .live = live, .cid = cid_of(1).str()};
    old_->event(id, did, live, event.data());
    sent_.push_back(event.data());
  }

  std::unique_ptr<Backend> backend_;
  std::optional<test::OriginalDatabase> old_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Queries> queries_;
  std::vector<std::string> sent_;
};

}  // namespace tap::store
