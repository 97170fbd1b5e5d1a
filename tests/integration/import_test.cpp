// SPDX-License-Identifier: MIT
// The program in the place of the original, on the original's database: what waits is delivered, and it goes on live.
#include "integration/tap_test.hpp"
#include "support/original_database.hpp"

#include <set>

namespace tap::test {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kRepos = 20;
constexpr std::size_t kRecordsEach = 10'000;
constexpr std::ptrdiff_t kEvents = 5'000;
constexpr const char* kPosts = "app.bsky.feed.post";

std::string rkey_of(const std::string& path) { return path.substr(path.find('/') + 1); }

class Import : public TapTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (!is_postgres()) return;
    if (const std::string reason = PostgresServer::missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    postgres_server().sql("DROP SCHEMA IF EXISTS tap CASCADE; CREATE SCHEMA tap");
  }
  [[nodiscard]] static bool is_postgres() { return std::string_view(GetParam()) == "Postgres"; }
  [[nodiscard]] std::string database_url() const override {
    return is_postgres() ? postgres_server().schema_url("tap") : TapTest::database_url();
  }

  /// 200,000 records: those of a true account, and of others that only the database knows. Events of all of them wait,
  /// mixed, with gaps between their ids.
  void write_database() {
    OriginalDatabase database =
        is_postgres() ? OriginalDatabase::in_postgres(database_url()) : OriginalDatabase::in_sqlite(this->database());
    alice_.fill(kRecordsEach);
    std::vector<std::string> dids = {alice_.did().str()};
    database.repo({.did = dids[0],
                   .handle = "handle.invalid",
                   .rev = alice_.head()->rev.str(),
                   .prev_data = alice_.head()->data.str()});
    const std::string other = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, as_bytes("other")).str();
    for (std::uint64_t i = 1; i < kRepos; ++i) {
      dids.push_back("did:web:quiet" + std::to_string(i) + ".example.com");
      database.repo({.did = dids.back(), .handle = "quiet.example.com", .rev = "3kb3fge5lm32x", .prev_data = other});
    }
    bob_.fill(3);
    database.repo({.did = bob_.did().str(),
                   .state = "resyncing",
                   .handle = "handle.invalid",
                   .rev = bob_.head()->rev.str(),
                   .prev_data = other});

    const RecordCids cids = records_of_account(alice_);
    for (const auto& [path, cid] : cids) database.record(dids[0], kPosts, rkey_of(path), cid);
    for (std::size_t repo = 1; repo < kRepos; ++repo) {
      TidSource rkeys;
      for (std::size_t i = 0; i < kRecordsEach; ++i) {
        database.record(dids[repo], kPosts, rkeys.next().str(), other);
      }
    }
    // Of bob's three posts the first is known, the second is another one, and one is gone.
    const RecordCids bobs = records_of_account(bob_);
    database.record(bob_.did().str(), kPosts, rkey_of(bobs.begin()->first), bobs.begin()->second);
    database.record(bob_.did().str(), kPosts, rkey_of(std::next(bobs.begin())->first), other);
    database.record(bob_.did().str(), kPosts, "gone", other);

    for (std::int64_t i = 0; i < kEvents; ++i) {
      const std::int64_t id = 10 * i / 7 + 40;
      const OriginalEvent event{
          .id = id, .did = dids[static_cast<std::size_t>(i) % kRepos], .live = i % 3 != 0, .cid = other};
      database.event(id, event.did, event.live, event.data());
      waiting_.push_back(event.data());
      last_id_ = static_cast<std::uint64_t>(id);
    }
    for (int i = 0; i < 3; ++i) cursor_ = send(Account(99).identity());
    database.firehose_cursor(relay_.url() + "/", cursor_);
    database.firehose_cursor("ws" + relay_.url().substr(4), cursor_ - 2);  // before the settings were written anew
    database.flush();
  }

  Account alice_{1}, bob_{2};
  std::vector<std::string> waiting_;
  std::uint64_t last_id_ = 0;
  std::int64_t cursor_ = 0;
};

TEST_P(Import, DeliversWhatWaitsInOrderAndGoesOnLive) {
  write_database();
  publish_document(alice_, pds_);
  publish(bob_);
  // Torn from it, it begins anew.
  launch().wait_for_line("importing the database of the original Tap");
  crash();
  start();
  tap().wait_for_line("imported the database of the original Tap");
  EXPECT_EQ(relay_.cursors().back(), cursor_) << "however the URL was written";
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), kRepos + 1);

  consume();
  log_.wait_for_count(kEvents);  // cheaper than the condition
  log_.wait_until("the events that waited", [&](const Events& events) {
    const std::set<std::uint64_t> ids = ids_of(events);
    return std::distance(ids.begin(), ids.upper_bound(last_id_)) == kEvents;
  });
  std::vector<std::string> arrived;
  std::map<std::string, std::uint64_t> last;
  for (const Event& event : first_arrivals(log_.all())) {
    if (event.id <= last_id_) arrived.push_back(event.text);
    EXPECT_LT(std::exchange(last[event.did()], event.id), event.id);
  }
  std::ranges::sort(arrived);
  std::ranges::sort(waiting_);
  EXPECT_EQ(arrived, waiting_) << "to the byte";

  // Its head and its records are known: nothing is fetched. The PDS does not even have this repo.
  const std::vector<std::string> paths = [&] {
    const auto& records = alice_.records();
    return std::vector{records.begin()->first, std::next(records.begin(), kRecordsEach / 2)->first};
  }();
  send(alice_.commit({update(paths[0], post_record(1, "changed"))}));
  send(alice_.commit({remove(paths[1])}));
  send(alice_.post());
  const auto live = [&](const Events& events) {
    Events found = of_did(first_arrivals(events), alice_.did().str());
    std::erase_if(found, [&](const Event& event) { return event.id <= last_id_; });
    return found;
  };
  log_.wait_until("alice's live events", [&](const Events& events) { return live(events).size() >= 3; });
  EXPECT_THAT(actions_of(live(log_.all())),
              ElementsAre("update " + paths[0], "delete " + paths[1], ::testing::StartsWith("create ")));
  EXPECT_EQ(get("/info/" + alice_.did().str()).at("records"), kRecordsEach);
  EXPECT_EQ(get("/info/" + alice_.did().str()).at("rev"), alice_.head()->rev.str());

  // What was being fetched is fetched now, and compared with what consumers were told.
  await_state(bob_, "active");
  log_.wait_until("bob's difference",
                  [&](const Events& events) { return of_did(events, bob_.did().str()).size() >= 3; });
  const RecordCids bobs = records_of_account(bob_);
  EXPECT_THAT(actions_of(told(bob_)),
              UnorderedElementsAre("update " + std::next(bobs.begin())->first, "create " + bobs.rbegin()->first,
                                   std::string("delete ") + kPosts + "/gone"));
  await_undelivered(0);
  stop();
  start();
  EXPECT_GE(*relay_.cursors().back(), cursor_ + 3);
  stop();
}

INSTANTIATE_TEST_SUITE_P(Engines, Import, ::testing::Values("Sqlite", "Postgres"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace tap::test
