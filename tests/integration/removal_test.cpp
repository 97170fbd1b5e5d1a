// SPDX-License-Identifier: MIT
// Repos that are removed, and come back, while they are being fetched.
#include "integration/gated_car.hpp"
#include "integration/tap_test.hpp"

#include <utility>

namespace tap::test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class Removal : public TapTest {
 protected:
  void SetUp() override {
    start();
    consume();
  }
};

TEST_F(Removal, RemovedRepoIsToldNoMore) {
  Account alice(1);
  Account bob(2);
  alice.fill(5);
  bob.fill(5);
  onboard(alice);
  onboard(bob);
  const std::size_t before = told(alice).size();

  untrack(alice);
  EXPECT_EQ(http_call(port(), {.target = "/info/" + alice.did().str()}).status, 404);
  send(alice.post());
  send(alice.status(false, "takendown"));
  send(bob.post());
  await_records(bob);
  EXPECT_THAT(told(alice), SizeIs(before));
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 1);
  EXPECT_EQ(get("/stats/record-count").at("record_count"), 6);
}

TEST_F(Removal, RemovedDuringItsFetchIsNotTold) {
  Account alice(1);
  alice.fill(100);
  GatedCar car(alice.full_car());
  publish_document(alice, pds_);
  pds_.set_repo_source(alice.did().str(), [&car] { return car.source(); });
  track(alice);
  wait_for("the fetch", [&] { return state(alice) == "resyncing"; });
  untrack(alice);
  car.let_go();

  // Another repo of the same host is fetched behind it.
  Account bob(2);
  bob.fill(5);
  publish(bob);
  track(bob);
  await_records(bob);
  await_state(bob, "active");
  EXPECT_THAT(actions_of(told(alice)), IsEmpty());
}

TEST_F(Removal, RepoAddedAgainDuringItsOldFetchIsToldAsItIsNow) {
  Account alice(1);
  alice.fill(100);
  const std::string old_rev = alice.head()->rev.str();
  GatedCar old(alice.full_car());
  (void)alice.commit({remove(std::string(alice.records().begin()->first))});
  const std::string now(as_text(alice.full_car()));
  publish_document(alice, pds_);
  pds_.set_repo_source(alice.did().str(), [&old, now, fetches = 0]() mutable -> std::function<std::string()> {
    if (fetches++ == 0) return old.source();
    return [now, sent = false]() mutable { return std::exchange(sent, true) ? std::string() : now; };
  });
  track(alice);
  wait_for("the fetch", [&] { return state(alice) == "resyncing"; });
  untrack(alice);
  track(alice);
  old.let_go();
  await_records(alice);
  await_state(alice, "active");
  send(alice.post());
  await_records(alice);

  for (const Event& event : told(alice)) {
    if (event.is_record) {
      EXPECT_NE(event.body.at("rev"), old_rev);
    }
  }
}

TEST_F(Removal, RepoAddedAgainIsToldFromTheStart) {
  Account alice(1);
  alice.fill(5);
  onboard(alice);
  untrack(alice);
  track(alice);
  log_.wait_for_count(12);
  await_state(alice, "active");
  const Events events = told(alice);
  ASSERT_EQ(events.size(), 12U);
  EXPECT_FALSE(events[6].is_record);
  for (std::size_t i = 7; i < 12; ++i) EXPECT_EQ(events[i].action(), "create");
}

}  // namespace
}  // namespace tap::test
