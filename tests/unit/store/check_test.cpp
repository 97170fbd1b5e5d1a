// SPDX-License-Identifier: MIT
#include "tap/store/check.hpp"

#include "unit/store/backends.hpp"
#include "unit/store/store_story.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <stdexcept>

namespace tap::store {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Of the rules that are broken, hints too.
std::vector<std::string> broken(const CheckReport& report) {
  std::vector<std::string> names;
  for (const Check& check : report.checks) {
    if (!check.holds()) names.emplace_back(check.name);
  }
  return names;
}

class CheckTest : public testing::TestWithParam<EngineCase> {
 protected:
  void SetUp() override {
    if (const std::string reason = GetParam().missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    backend_ = GetParam().make();
  }

  CheckReport check() {
    auto report = check_database(backend_->url());
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(CheckReport());
  }

  /// Some of everything, part of it folded and part not. Repo 1 is active, repo 2 waits for its fetch.
  void fill() {
    const auto store = backend_->open().value();
    const auto live = [](std::uint64_t number) {
      const std::string did = did_of(number).str();
      return outbox::render(outbox::RecordEvent{.live = true,
                                                .did = did,
                                                .rev = "3kb3fge5lm32w",
                                                .collection = "app.bsky.feed.post",
                                                .rkey = "self",
                                                .action = "delete"});
    };
    const auto apply = [&](Write write, std::vector<outbox::EventId> acked = {}) {
      EXPECT_TRUE(store->apply({&write, 1}, acked));
    };
    apply(write_of({AddRepo{RepoId{1}, did_of(1)}, AddRepo{RepoId{2}, did_of(2)},
                    PutRecords{RepoId{1}, {put("app.bsky.feed.post", "3kb3fge5lm32w", 1), put("z.y.x", "self", 2)}},
                    SetHead{RepoId{1}, head_of(10, 2)}, SetState{RepoId{1}, repos::State::active, {}, 0, 0},
                    BufferCommit{RepoId{2}, atproto::Tid(7), Bytes(3, 1)},
                    SaveCursor{"firehose", "wss://relay.example.com", "17"}},
                   {live(1), live(2), live(1)}));  // events 1 to 3
    ASSERT_TRUE(store->fold());
    apply(write_of({AdvanceHead{RepoId{1}, head_of(11, 2), {put("z.y.x", "self", 3)}}}, {live(1), live(1)}),
          {outbox::EventId{2}});
    apply(write_of({AdvanceHead{RepoId{1}, head_of(12, 1), {erase("z.y.x", "self")}}}));
    outbox::DeadLetter letter = store::letter(3, live(1).body, did_of(1).str());
    letter.event.lane = outbox::lane_of(letter.did);
    apply(write_of({SetAside{letter}}));
  }

  void sql(const std::string& sqlite, const std::string& postgres) { backend_->sql(sqlite, postgres); }
  void sql(const std::string& both) { sql(both, both); }

  std::unique_ptr<Backend> backend_;
};

TEST_P(CheckTest, EveryStoreThatATapMadeIsSound) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    backend_ = GetParam().make();
    StoreStory story(seed);
    auto store = backend_->open().value();
    for (int at = 0; at < 60; ++at) {
      const Step step = story.next();
      const auto first = take(*store, step);
      ASSERT_TRUE(first) << first.error().message();
      story.took(step, *first);
      if (at % 6 != 0) continue;
      const CheckReport report = check();  // the store is open, as if a Tap were running
      ASSERT_THAT(broken(report), IsEmpty()) << "step " << at << "\n" << report.text();
    }
    ASSERT_EQ(read_back(*store), text_of(story.model()));
    ASSERT_THAT(broken(check()), IsEmpty()) << check().text();
  }
}

TEST_P(CheckTest, LooksAtEveryRow) {
  fill();
  const CheckReport report = check();
  EXPECT_TRUE(report.is_sound()) << report.text();
  std::map<std::string, std::uint64_t> rows;
  for (const Check& check : report.checks) rows.emplace(check.name, check.rows);
  EXPECT_EQ(rows["events"], 5U);
  EXPECT_EQ(rows["changes"], 2U);
  EXPECT_EQ(rows["acks"], 1U);
  EXPECT_EQ(rows["repos"], 2U);
  EXPECT_EQ(rows["collections"], 2U);
  EXPECT_EQ(rows["records"], 2U);
  EXPECT_EQ(rows["buffered"], 1U);
  EXPECT_EQ(rows["cursors"], 1U);
  EXPECT_EQ(rows["dead letters"], 1U);
  EXPECT_EQ(rows.contains("pages"), std::string_view(GetParam().name) == "Sqlite") << "a server's are its own to check";
  EXPECT_THAT(report.text(), HasSubstr("sound\n"));
}

struct Damage {
  const char* name;
  const char* rule;     ///< that must be named, and no other
  const char* finding;  ///< of what is said
  const char* sqlite;
  const char* postgres;  ///< empty: the same statement
};

class CheckFinds : public CheckTest {};

// The rows of events in fill(): 1 (3 events, 2 and 3 of them acked) and, behind it, 4 or 5 (2 events).
const std::vector<Damage> kDamages = {
    {"MissingCounter", "counters", "the mark of the fold", "DELETE FROM meta WHERE key = 'folded'",
     "UPDATE meta SET folded = 0"},
    {"FoldAheadOfTheEvents", "counters", "is ahead of the next event",
     "UPDATE meta SET value = 1000 WHERE key = 'folded'", "UPDATE meta SET folded = 1000"},
    {"RowBeyondTheNextEvent", "journal", "still to be given out",
     "INSERT INTO journal SELECT 5000, count, changes, events FROM journal WHERE count = 2",
     "INSERT INTO journal SELECT 5000, count, events FROM journal WHERE count = 2"},
    {"NextEventThatIsThere", "journal", "still to be given out",
     "UPDATE meta SET value = value - 1 WHERE key = 'next_event'", "UPDATE meta SET next_event = next_event - 1"},
    {"RowsThatOverlap", "journal", "ends",
     "INSERT INTO journal SELECT id + 1, count, changes, events FROM journal WHERE count = 2",
     "INSERT INTO journal SELECT id + 1, count, events FROM journal WHERE count = 2"},
    {"RowCutByTheFold", "journal", "is cut by the mark",
     "UPDATE meta SET value = (SELECT id + 1 FROM journal WHERE count = 2) WHERE key = 'folded'",
     "UPDATE meta SET folded = (SELECT id + 1 FROM journal WHERE count = 2)"},
    {"RowThatHoldsNothing", "journal", "holds nothing", "UPDATE journal SET changes = x'' WHERE count = 0",
     "UPDATE journal_changes SET changes = ''"},
    {"EventCutShort", "events", "cannot be read",
     "UPDATE journal SET events = substr(events, 1, length(events) - 1) WHERE count = 2",
     "UPDATE journal SET events = substr(events, 1, length(events) - 1) WHERE count = 2"},
    {"RowWithFewerEventsThanItSays", "events", "says 1 and has 2", "UPDATE journal SET count = 1 WHERE count = 2", ""},
    {"EventThatIsNoJson", "events", "is no JSON",
     "UPDATE journal SET events = CAST(substr(events, 1, 12) || x'00' || substr(events, 14) AS BLOB) WHERE count = 2",
     "UPDATE journal SET events = set_byte(events, 12, 0) WHERE count = 2"},
    {"EventInAnotherLane", "events", "stands in the lane of another DID",
     "UPDATE journal SET events = CAST(x'0000000000000001' || substr(events, 9) AS BLOB) WHERE count = 2",
     "UPDATE journal SET events = '\\x0000000000000001'::bytea || substr(events, 9) WHERE count = 2"},
    {"LiveEventAmongOthers", "events", "may not be sent together",
     "UPDATE journal SET events = CAST(substr(events, 1, 8) || x'00' || substr(events, 10) AS BLOB) WHERE count = 2",
     "UPDATE journal SET events = substr(events, 1, 8) || '\\x00'::bytea || substr(events, 10) WHERE count = 2"},
    {"ChangeCutShort", "changes", "cannot be read",
     "UPDATE journal SET changes = substr(changes, 1, length(changes) - 1) WHERE length(changes) > 0",
     "UPDATE journal_changes SET changes = substr(changes, 1, length(changes) - 1)"},
    {"ChangeOfARepoNeverAdded", "changes", "was never added",
     "UPDATE journal SET changes = CAST(x'63' || substr(changes, 2) AS BLOB) WHERE length(changes) > 0",
     "UPDATE journal_changes SET changes = '\\x63'::bytea || substr(changes, 2)"},
    {"RevThatGoesBack", "changes", "behind",
     "UPDATE journal SET changes = (SELECT changes FROM journal WHERE length(changes) > 0 ORDER BY id LIMIT 1) "
     "WHERE id = (SELECT max(id) FROM journal WHERE length(changes) > 0)",
     "UPDATE journal_changes SET changes = (SELECT changes FROM journal_changes ORDER BY id LIMIT 1)"},
    {"MarksCountedTooLow", "acks", "says 1 and has 2", "UPDATE journal_acks SET acked = 1", ""},
    {"MarksCountedTooHigh", "acks", "says 3 and has 2", "UPDATE journal_acks SET acked = 3", ""},
    {"MarksBeyondTheRow", "acks", "beyond its events", "UPDATE journal_acks SET marks = x'86'",
     "UPDATE journal_acks SET marks = '\\x86'"},
    {"RowWhollyAcked", "acks", "has no event left", "UPDATE journal_acks SET acked = 3, marks = x'07'",
     "UPDATE journal_acks SET acked = 3, marks = '\\x07'"},
    {"AcksWithoutTheirRow", "acks", "is not there", "INSERT INTO journal_acks VALUES (900, 1, x'01')",
     "INSERT INTO journal_acks VALUES (900, 1, '\\x01')"},
    {"RepoWithoutADid", "repos", "DID", "UPDATE repos SET did = 'alice' WHERE id = 2", ""},
    {"RepoInNoKnownState", "repos", "state", "UPDATE repos SET state = 9 WHERE id = 2", ""},
    {"RepoBeingFetched", "repos", "is being fetched", "UPDATE repos SET state = 2 WHERE id = 2", ""},
    {"RepoWithABadCid", "repos", "data", "UPDATE repos SET data = x'00' WHERE id = 1",
     "UPDATE repos SET data = '\\x00' WHERE id = 1"},
    {"RepoWithHalfAHead", "repos", "half a head", "UPDATE repos SET data = zeroblob(32) WHERE id = 2",
     "UPDATE repos SET data = decode(repeat('00', 32), 'hex') WHERE id = 2"},
    {"ActiveRepoWithoutAHead", "repos", "has no head",
     "DELETE FROM resync_buffer; UPDATE repos SET state = 3 WHERE id = 2", ""},
    {"RepoIdNotGivenOut", "repos", "still to be given out",
     "INSERT INTO repos (id, did, state, account) VALUES (77, 'did:web:z.example.com', 0, 0)", ""},
    {"RepoAheadOfTheJournal", "repos", "ahead of the journal", "UPDATE repos SET rev = 900 WHERE id = 1", ""},
    {"RepoWithNegativeCounts", "repos", "below 0", "UPDATE repos SET retries = -1 WHERE id = 2", ""},
    {"RepoWithABadHandle", "repos", "handle", "UPDATE repos SET handle = 'no handle' WHERE id = 2", ""},
    {"CollectionThatIsNone", "collections", "post", "UPDATE collections SET nsid = 'post' WHERE nsid = 'z.y.x'", ""},
    {"RecordOfNoRepo", "records", "no such repo", "UPDATE records SET repo_id = 9 WHERE rkey = 'self'", ""},
    {"RecordOfNoCollection", "records", "no such collection",
     "UPDATE records SET collection_id = 9 WHERE rkey = 'self'", ""},
    {"RecordWithABadKey", "records", "no record key", "UPDATE records SET rkey = 'a/b' WHERE rkey = 'self'", ""},
    {"RecordWithABadCid", "records", "no CID", "UPDATE records SET cid = x'0011' WHERE rkey = 'self'",
     "UPDATE records SET cid = '\\x0011' WHERE rkey = 'self'"},
    {"BufferedCommitOfNoRepo", "buffered", "no such repo", "UPDATE resync_buffer SET repo_id = 9", ""},
    {"BufferedCommitOfAnActiveRepo", "buffered", "which is active", "UPDATE resync_buffer SET repo_id = 1", ""},
    {"CursorThatIsNoNumber", "cursors", "no number", "UPDATE cursors SET value = '17x'", ""},
    {"CursorOfAnUnknownKind", "cursors", "no known kind", "UPDATE cursors SET kind = 'tide'", ""},
    {"DeadLetterOfNoEvent", "dead letters", "still to be given out", "UPDATE dead_letters SET id = 900", ""},
    {"DeadLetterThatWaitsAsWell", "dead letters", "waits in the journal as well", "UPDATE dead_letters SET id = 1", ""},
    {"DeadLetterOfAnotherDid", "dead letters", "another DID", "UPDATE dead_letters SET did = 'did:web:e.example.com'",
     ""},
    {"SequenceThatLagsBehind", "sequences", "is in use", "UPDATE sqlite_sequence SET seq = 0",
     "ALTER TABLE resync_buffer ALTER COLUMN id RESTART WITH 1"},
};

TEST_P(CheckFinds, EachDamageAndNamesItsRule) {
  for (const Damage& damage : kDamages) {
    SCOPED_TRACE(damage.name);
    backend_ = GetParam().make();
    fill();
    const std::string postgres = damage.postgres;
    sql(damage.sqlite, postgres.empty() ? damage.sqlite : postgres);

    const CheckReport report = check();
    EXPECT_FALSE(report.is_sound());
    EXPECT_EQ(broken(report), std::vector<std::string>{damage.rule}) << report.text();
    EXPECT_THAT(report.text(), HasSubstr(damage.finding));
    EXPECT_THAT(report.text(), HasSubstr("\nnot sound: "));
  }
}

TEST_P(CheckFinds, CountThatIsNotTheRecordsIsAHint) {
  fill();
  {
    const auto store = backend_->open().value();
    ASSERT_TRUE(store->fold());
  }
  sql("UPDATE repos SET records = 5 WHERE id = 1");
  const CheckReport report = check();
  EXPECT_EQ(broken(report), std::vector<std::string>{"counts"});
  EXPECT_TRUE(report.is_sound());
  EXPECT_THAT(report.text(), HasSubstr("repo 1 counts 5 and has 1"));
}

TEST_P(CheckFinds, ChangesThatAreFoldedAndStillThereBindNoHead) {
  fill();
  sql("UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'next_event') WHERE key = 'folded'",
      "UPDATE meta SET folded = next_event");
  sql("UPDATE repos SET rev = 900 WHERE id = 1");  // as a fetch may, once they are
  EXPECT_THAT(broken(check()), IsEmpty()) << check().text();
}

TEST_P(CheckFinds, ManyFindingsAreCountedAndTheFirstOnesShown) {
  fill();
  sql("UPDATE repos SET retries = -1");
  for (int id = 100; id < 130; ++id) {
    sql("INSERT INTO repos (id, did, state, account) VALUES (" + std::to_string(id) + ", 'did:web:z" +
        std::to_string(id) + ".example.com', 0, 0)");
  }
  EXPECT_THAT(check().text(), HasSubstr("and 22 more"));
}

TEST_P(CheckTest, RefusesWhatItCannotJudge) {
  EXPECT_EQ(check_database(backend_->url()).error(),
            backend_->is_file() ? Errc::open_failed : Errc::older_schema);  // there is none, or an empty one
  {
    const auto store = backend_->open().value();
  }
  sql("UPDATE meta SET value = 99 WHERE key = 'schema_version'", "UPDATE meta SET schema_version = 99");
  EXPECT_EQ(check_database(backend_->url()).error(), Errc::newer_schema);
  sql("UPDATE meta SET value = 0 WHERE key = 'schema_version'", "UPDATE meta SET schema_version = 0");
  EXPECT_EQ(check_database(backend_->url()).error(), Errc::older_schema);
  sql("DROP TABLE meta");
  EXPECT_EQ(check_database(backend_->url()).error(), Errc::foreign_schema);
}

TEST(CheckSqlite, KeyThatWouldNotBeFoundIsDamage) {
  SqliteBackend backend;
  {
    const auto store = backend.open().value();
    const Write write = write_of({AddRepo{RepoId{1}, did_of(1)}, PutRecords{RepoId{1}, {put("z.y.x", "self", 2)}}});
    ASSERT_TRUE(store->apply({&write, 1}, {}));
  }
  backend.sql("UPDATE records SET rkey = '3kb3fge5lm32w'", "");
  EXPECT_THAT(broken(check_database(backend.url()).value()), Contains("records"));
}

TEST(CheckSqlite, DamagedPagesAreSaid) {
  SqliteBackend backend;
  {
    const auto store = backend.open().value();
    for (std::uint64_t id = 1; id < 200; ++id) {
      const Write write = write_of({AddRepo{RepoId{id}, did_of(id)}});
      ASSERT_TRUE(store->apply({&write, 1}, {}));
    }
  }
  // The index of DIDs says something else than the table.
  backend.sql(
      "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema "
      "WHERE name = 'sqlite_autoindex_collections_1') WHERE name = 'sqlite_autoindex_repos_1'",
      "");
  const auto report = check_database(backend.url());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_THAT(broken(*report), Contains("pages"));
}

TEST(CheckSqlite, WhatACrashLeftIsReadWithItsLog) {
  SqliteBackend backend;
  const auto store = backend.open().value();
  const Write write = write_of({AddRepo{RepoId{1}, did_of(1)}});
  ASSERT_TRUE(store->apply({&write, 1}, {}));
  const auto crashed = backend.crashed_copy();
  const auto report = check_database(crashed->url());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->is_sound());
  EXPECT_THAT(report->text(), HasSubstr("repos         1"));
}

TEST(CheckSqlite, NothingIsCreated) {
  const ScratchFolder folder;
  EXPECT_EQ(check_database("sqlite://" + folder.file("none.db")).error(), Errc::open_failed);
  EXPECT_FALSE(std::filesystem::exists(folder.file("none.db")));
}

INSTANTIATE_TEST_SUITE_P(Engines, CheckTest, testing::ValuesIn(engines()), engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, CheckFinds, testing::ValuesIn(engines()), engine_name);

}  // namespace
}  // namespace tap::store
