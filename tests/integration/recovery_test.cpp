// SPDX-License-Identifier: MIT
// Whatever a repo fell behind for, and though its PDS was in trouble, too: it is right again within seconds of the next
// honest commit.
#include "integration/tap_test.hpp"

namespace tap::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kSoon{5};

class Recovery : public TapTest {
 protected:
  void SetUp() override {
    alice_.fill(10);
    start();
    consume();
    onboard(alice_);
    pds_.set_answer(alice_.did().str(), xrpc_error(503, "Overloaded"));
  }
  [[nodiscard]] nlohmann::json info() const { return get("/info/" + alice_.did().str()); }
  /// The PDS is well, and she writes.
  void expect_right_after_the_next_commit() {
    await_state(alice_, "error");
    EXPECT_THAT(info().at("error").get<std::string>(), HasSubstr("failed to get repo"));
    const CommitMessage next = alice_.post();
    publish_repo(alice_);
    send(next);
    wait_for(
        "the repo is right", [&] { return records_of(told(alice_), alice_.did().str()) == records_of_account(alice_); },
        kSoon);
    await_state(alice_, "active");
    EXPECT_EQ(info().at("error"), "");
    send(alice_.post());
    await_records(alice_);
    EXPECT_TRUE(told(alice_).back().is_live());
  }

  Account alice_{1};
};

TEST_F(Recovery, FromAKeyRotationWhoseIdentityEventWasMissed) {
  alice_.rotate(SigningKey(atproto::Curve::p256, 99));
  publish_document(alice_, pds_);
  send(alice_.post());
  expect_right_after_the_next_commit();
}

TEST_F(Recovery, FromACommitThatWasTooBig) {
  CommitMessage big = alice_.post();
  big.too_big = true;
  big.ops.clear();
  big.blocks.resize(1);
  send(big);
  expect_right_after_the_next_commit();
}

TEST_F(Recovery, FromAHiddenDeletion) {
  const std::string victim = alice_.records().begin()->first;
  CommitMessage lie = alice_.commit({create(alice_.new_path(), post_record(1000)), remove(victim)});
  lie.ops.pop_back();
  send(lie);
  expect_right_after_the_next_commit();
  EXPECT_THAT(actions_of(told(alice_)), Contains("delete " + victim));
}

TEST_F(Recovery, FromACommitOfTheFarFuture) {
  alice_.set_next_rev(atproto::Tid::parse("bzzzzzzzzzzzz").value());
  send(alice_.post());
  expect_right_after_the_next_commit();
}

TEST_F(Recovery, FromARepoWhosePdsLivedInTheFarFuture) {
  alice_.set_next_rev(atproto::Tid::parse("bzzzzzzzzzzzz").value());
  send(alice_.post());
  await_state(alice_, "error");
  publish_repo(alice_);
  track(alice_);
  wait_for("the reason", [&] { return info().at("error").get<std::string>().find("future") != std::string::npos; });
  const CommitMessage next = alice_.post();  // its clock is right again
  publish_repo(alice_);
  send(next);
  await_records(alice_);
  await_state(alice_, "active");
}

}  // namespace
}  // namespace tap::test
