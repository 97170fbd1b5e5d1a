// SPDX-License-Identifier: MIT
// Keys and account statuses that change.
#include "integration/tap_test.hpp"

namespace tap::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class Status : public TapTest {
 protected:
  void SetUp() override {
    start();
    consume();
  }
  /// "status" of the identity events about it.
  [[nodiscard]] std::vector<std::string> statuses(const Account& account) const {
    std::vector<std::string> all;
    for (const Event& event : told(account)) {
      if (!event.is_record) all.push_back(event.body.at("status"));
    }
    return all;
  }
  void await_status(const Account& account, const std::string& status) {
    log_.wait_until(status, [&](const Events& events) {
      const Events own = of_did(events, account.did().str());
      return !own.empty() && !own.back().is_record && own.back().body.at("status") == status;
    });
  }
};

TEST_F(Status, RotatedKeyIsFoundThoughItsIdentityEventWasMissed) {
  Account alice(1);
  alice.fill(5);
  onboard(alice);
  send(alice.post());
  await_records(alice);

  alice.rotate(SigningKey(atproto::Curve::p256, 99));
  publish_document(alice, pds_);
  const CommitMessage first = alice.post();
  const CommitMessage second = alice.post();
  // The directory is not asked for one DID all the time: that may cost a fetch, but no record.
  publish_repo(alice);
  send(first);
  send(second);
  await_records(alice);
  await_state(alice, "active");
}

TEST_F(Status, OldKeyIsRefusedAfterAnIdentityEvent) {
  Account alice(1);
  Account thief(1);
  alice.fill(5);
  thief.fill(5);
  onboard(alice);

  alice.rotate(SigningKey(atproto::Curve::k256, 99));
  publish_document(alice, pds_);
  const CommitMessage honest = alice.commit({create("app.bsky.feed.post/3kaaaaaaaaa2a", post_record(1))});
  publish_repo(alice);
  send(alice.identity());
  send(thief.commit({create(thief.new_path(), post_record(666))}));
  send(honest);
  await_records(alice);
  EXPECT_THAT(told(alice), SizeIs(7));
}

TEST_F(Status, DeactivatedAccountComesBackWithWhatItMissed) {
  Account alice(1);
  alice.fill(5);
  onboard(alice);

  send(alice.status(false, "deactivated"));
  await_status(alice, "deactivated");
  const CommitMessage ignored = alice.post();
  send(ignored);
  send(alice.status(true));
  await_status(alice, "active");
  const CommitMessage next = alice.post();
  publish_repo(alice);
  send(next);
  await_records(alice);
  EXPECT_THAT(statuses(alice), ElementsAre("active", "deactivated", "active"));
}

TEST_F(Status, TakendownAndSuspendedAreToldInOrder) {
  Account alice(1);
  alice.fill(5);
  onboard(alice);
  send(alice.post());
  send(alice.status(false, "takendown"));
  send(alice.status(false, "suspended"));
  send(alice.status(false, "suspended"));
  send(alice.status(true));
  await_status(alice, "active");
  await_records(alice);
  EXPECT_THAT(statuses(alice), ElementsAre("active", "takendown", "suspended", "active"));
  const Events events = told(alice);
  EXPECT_TRUE(events[events.size() - 4].is_live());  // the post came before
}

TEST_F(Status, DeletedAccountIsToldOnceAndForgotten) {
  Account alice(1);
  alice.fill(5);
  onboard(alice);
  send(alice.status(false, "deleted"));
  await_status(alice, "deleted");
  EXPECT_FALSE(told(alice).back().body.at("is_active").get<bool>());
  EXPECT_EQ(http_call(port(), {.target = "/info/" + alice.did().str()}).status, 404);
  EXPECT_EQ(get("/stats/record-count").at("record_count"), 0);
}

TEST_F(Status, DirectoryOutageDelaysAndLosesNothing) {
  Account alice(1);
  alice.fill(5);
  publish(alice);
  plc_.answer_all(Reply{.status = 503});
  track(alice);
  wait_for("the directory is asked", [&] { return plc_.requests(alice.did().str()) >= 1; });
  EXPECT_EQ(state(alice), "pending");
  plc_.answer_all(std::nullopt);
  await_records(alice);
}

}  // namespace
}  // namespace tap::test
