// SPDX-License-Identifier: MIT
// Databases of the original that are in use, not what they should be, or torn from the import; and what is left of
// them.
#include "unit/store/original.hpp"

#include <csignal>

namespace tap::store {
namespace {

using repos::State;
using testing::HasSubstr;

TEST_P(Original, ItsTablesStandAsideAndItCannotGetAtOurs) {
  const std::string did = follow(1);
  add_event(1, did);
  open();
  close();
  run_sql(
      "INSERT INTO original_repos SELECT 'x', state, status, handle, rev, prev_data, error_msg, retry_count, "
      "retry_after FROM original_repos; DELETE FROM original_outbox_buffers WHERE id = 1");
  // What it does at its start with a column of another type.
  EXPECT_ANY_THROW(run_sql(is_sqlite()
                               ? "BEGIN; CREATE TABLE repos__temp (did text, state text); INSERT INTO repos__temp "
                                 "SELECT did, state FROM repos; DROP TABLE repos; ALTER TABLE repos__temp RENAME "
                                 "TO repos; COMMIT"
                               : "ALTER TABLE repos ALTER COLUMN state TYPE text USING state::text"));
  open();
  EXPECT_EQ(repos().at(did).repo.state, State::active);
  EXPECT_EQ(messages(), sent_);
}

TEST_P(Original, DroppedTablesAreNotMissed) {
  add_event(1, follow(1));
  open();
  close();
  for (const char* table : {"repos", "repo_records", "outbox_buffers", "resync_buffers", "firehose_cursors",
                            "list_repos_cursors", "collection_cursors"}) {
    run_sql(std::string("DROP TABLE original_") + table);
  }
  run_sql("DROP VIEW original_guard");
  open();
  EXPECT_EQ(messages(), sent_);
}

TEST_P(Original, ThatHasRunAfterwardsIsSaid) {
  follow(1);
  open();
  close();
  run_original_again();
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Errc::foreign_schema);
  EXPECT_THAT(opened.error().message(), HasSubstr("has run on it since"));
}

TEST_P(Original, SecondOnesTablesAreNotMixedWithTheFirstOnes) {
  follow(1);
  old_->run("CREATE TABLE original_repos (did text)");
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("original_repos"));
  run_sql("DROP TABLE original_repos");
  open();
  EXPECT_EQ(repos().size(), 1U);
}

TEST_P(Original, OlderVersionIsRefusedAndUntouched) {
  follow(1);
  old_->run("DROP INDEX idx_repos_state_retry; ALTER TABLE repos DROP COLUMN retry_after");
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Errc::foreign_schema);
  EXPECT_THAT(opened.error().message(), HasSubstr("no repos.retry_after"));
  run_sql("ALTER TABLE repos ADD COLUMN retry_after integer NOT NULL DEFAULT 0");
  open();
}

TEST_P(Original, KillInTheMiddleLeavesItAsItWas) {
  add_event(1, follow(1));
  old_->firehose_cursor("https://relay.example.com", 4'711);
  old_->flush();
  old_.reset();
  const CursorNames kill = [](const OriginalCursor&) -> std::optional<SaveCursor> {  // the rest is written by then
    std::raise(SIGKILL);
    return std::nullopt;
  };
  EXPECT_EXIT(std::ignore = open_store(url(), {.cursor_names = kill}), testing::KilledBySignal(SIGKILL), "");
  run_sql("UPDATE repos SET handle = 'b.example.com'; UPDATE repo_records SET cid = cid");
  open();
  EXPECT_EQ(details(repos().begin()->second).handle, "b.example.com");
  EXPECT_EQ(messages(), sent_);
  EXPECT_EQ(queries_->cursor("firehose", "https://relay.example.com"), "4711");
  expect_sound();
}

TEST_P(Original, ThatStillWorksIsNotDisturbed) {
  follow(1);
  old_->flush();
  const auto running = sql();
  running(is_sqlite() ? "SELECT count(*) FROM repos" : "BEGIN; UPDATE firehose_cursors SET cursor = cursor");
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Errc::busy);
  EXPECT_THAT(opened.error().message(), HasSubstr("stop the original Tap"));
  running("UPDATE repos SET handle = ''");
}

TEST_P(Original, IsSaidToBeNotImportedByACheck) {
  follow(1);
  old_->flush();
  const auto report = check_database(url());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error(), Errc::older_schema);
  EXPECT_THAT(report.error().message(), HasSubstr("original Tap"));
}

TEST_P(Original, SpaceThatTheDroppedTablesLeaveIsNotAskedForForEver) {
  const std::string did = follow(1);
  for (int i = 0; i < 40'000; ++i) {
    old_->record(did, kPosts, "rkey-that-is-long-enough-to-fill-pages-" + std::to_string(i), cid_of(1).str());
  }
  open();
  close();
  run_sql("DROP TABLE original_repo_records");
  open();
  EXPECT_EQ(store_->vacuum(), false);
}

}  // namespace
}  // namespace tap::store
