// SPDX-License-Identifier: MIT
// The states of a repo and what leads from one to the other, as /info shows them (protocol 11.13). Two rows are better
// than the original's: a repo is charged nothing for the limits of its PDS, though /info names them, and one that was
// being fetched when the process ended is fetched again without having been told as anything else.
#include "contract/contract.hpp"

namespace tap::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class State : public TapTest {
 protected:
  State() {
    alice_.fill(3);
    publish(alice_);
  }
  [[nodiscard]] nlohmann::json info() const { return get("/info/" + alice_.did().str()); }
  void hold_fetches() { pds_.answer(alice_.did().str(), {.fault = Fault::hang}, 1'000); }
  /// Nobody can be fetched without the directory; keys that are in memory stay good.
  void hold_resyncs() { plc_.answer_all(Reply{.status = 503}); }
  void await_state(const std::string& state) const { TapTest::await_state(alice_, state); }
  void expect_unknown() const { EXPECT_EQ(http_call(port(), {.target = "/info/" + alice_.did().str()}).status, 404); }

  Account alice_{1};
};

TEST_F(State, NoneToPendingByAdd) {
  hold_resyncs();
  start();
  track(alice_);
  EXPECT_EQ(info().at("state"), "pending");
}
TEST_F(State, NoneToPendingByTheRelaysList) {
  hold_resyncs();
  relay_.set_repos({{.did = alice_.did().str()}});
  start({"--full-network"});
  await_state("pending");
}
TEST_F(State, NoneToPendingByAnEvent) {
  hold_fetches();
  start({"--signal-collection", "app.bsky.feed.post"});
  send(alice_.post());
  await_state("resyncing");
}
TEST_F(State, PendingToResyncingByAWorker) {
  hold_fetches();
  start();
  track(alice_);
  await_state("resyncing");
}
TEST_F(State, ResyncingToActiveBySuccess) {
  start();
  track(alice_);
  await_state("active");
  EXPECT_EQ(info().at("error"), "");
  EXPECT_EQ(info().at("retries"), 0);
  EXPECT_EQ(info().at("rev"), alice_.head()->rev.str());
  EXPECT_EQ(info().at("records"), 3);
}
TEST_F(State, ResyncingToErrorByFailure) {
  pds_.answer(alice_.did().str(), xrpc_error(400, "RepoNotFound", "no such repo"), 1'000);
  start();
  track(alice_);
  await_state("error");
  EXPECT_THAT(info().at("error").get<std::string>(), HasSubstr("RepoNotFound"));
  EXPECT_EQ(info().at("retries"), 1);
}
TEST_F(State, ErrorToActiveByAnotherTry) {
  pds_.answer(alice_.did().str(), xrpc_error(400, "RepoNotFound"));
  start();
  track(alice_);
  await_state("error");
  track(alice_);
  await_state("active");
  EXPECT_EQ(info().at("error"), "");
  EXPECT_EQ(info().at("retries"), 0);
}
TEST_F(State, ResyncingBackByTheLimitsOfThePds) {
  pds_.answer(alice_.did().str(), Reply{.status = 429}, 1'000);
  start();
  track(alice_);
  (void)tap().wait_for_line("a host wants to be left alone");
  await_state("pending");
  wait_for("the reason", [&] { return !info().at("error").get<std::string>().empty(); });
  EXPECT_THAT(info().at("error").get<std::string>(), HasSubstr("HTTP 429"));
  EXPECT_EQ(info().at("retries"), 0);
}
TEST_F(State, ResyncingToDesynchronizedOrPendingByAStart) {
  hold_fetches();
  start();
  track(alice_);
  await_state("resyncing");
  crash();
  start({"--outbox-only"});
  EXPECT_THAT(info().at("state").get<std::string>(), AnyOf("desynchronized", "pending"));
}
TEST_F(State, ActiveToDesynchronizedByACommitThatDoesNotFit) {
  start();
  track(alice_);
  await_state("active");
  hold_resyncs();
  (void)alice_.post();
  send(alice_.post());
  await_state("desynchronized");
}
TEST_F(State, ActiveToDesynchronizedBySyncWithOtherData) {
  start();
  track(alice_);
  await_state("active");
  hold_resyncs();
  (void)alice_.post();
  send(alice_.sync());
  await_state("desynchronized");
}
TEST_F(State, DesynchronizedToActiveByAFetch) {
  start();
  track(alice_);
  await_state("active");
  (void)alice_.post();
  publish_repo(alice_);
  send(alice_.sync());
  wait_for("the fetch", [&] { return info().at("records") == 4; });
  await_state("active");
}
TEST_F(State, AnyToNoneByRemove) {
  start();
  track(alice_);
  await_state("active");
  untrack(alice_);
  expect_unknown();
}
TEST_F(State, AnyToNoneByADeletedAccount) {
  start();
  consume();
  track(alice_);
  await_state("active");
  send(alice_.status(false, "deleted"));
  log_.wait_until("the event", [](const Events& events) {
    return !events.empty() && !events.back().is_record && events.back().body.at("status") == "deleted";
  });
  expect_unknown();
}
TEST_F(State, CommitsAreBufferedWhileResyncing) {
  hold_fetches();
  start();
  track(alice_);
  await_state("resyncing");
  send(alice_.post());
  wait_for("the buffer", [&] { return get("/stats/resync-buffer").at("resync_buffer") == 1; });
}

}  // namespace
}  // namespace tap::test
