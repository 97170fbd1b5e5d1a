// SPDX-License-Identifier: MIT
#include "app/parts.hpp"

#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <unistd.h>

namespace tap::app {
namespace {

class PartsTest : public testing::Test {
 protected:
  PartsTest() {
    std::filesystem::create_directories(directory);
    config.db_url = directory + "/tap.db";
  }
  ~PartsTest() override { std::filesystem::remove_all(directory); }
  /// What a former process has left in the database.
  void leave(store::Write write) {
    const auto store = store::open_store(config.db_url).value();
    ASSERT_TRUE(store->load_repos([](const store::RepoRow&) {}));
    ASSERT_TRUE(store->apply({&write, 1}, {}));
  }
  std::string directory = testing::TempDir() + "parts_test." + std::to_string(::getpid());
  Config config;
  atproto::Did did = atproto::Did::parse("did:web:a.test").value();
  test::Loop loop;
};

TEST_F(PartsTest, NeverGiveTheIdOfARepoThatIsGoneToAnother) {
  store::Write write;
  write.mutations.emplace_back(store::AddRepo{repos::RepoId{7}, did});
  write.mutations.emplace_back(store::RemoveRepo{repos::RepoId{7}});
  leave(std::move(write));
  Parts parts(loop.executor(), config, "", {});
  EXPECT_EQ(parts.table.size(), 0U);
  EXPECT_GT(parts.table.allocate(), repos::RepoId{7});
}

TEST_F(PartsTest, RememberThatEventsOfAFormerLifeMayWait) {
  EXPECT_FALSE(Parts(loop.executor(), config, "", {}).ledger.may_have_returned(did.str()));
  store::Write write;
  write.events.push_back(
      outbox::render(outbox::IdentityEvent{.did = did.str(), .handle = "a.test", .status = "deleted"}));
  leave(std::move(write));
  EXPECT_TRUE(Parts(loop.executor(), config, "", {}).ledger.may_have_returned(did.str()));
}

TEST_F(PartsTest, HaveTheHandlesVerifiedThatWereToBeWhenTheLastProcessEnded) {
  store::Write write;
  const auto add = [&](std::uint64_t id, const atproto::Did& whose, repos::State state) {
    write.mutations.emplace_back(store::AddRepo{repos::RepoId{id}, whose});
    write.mutations.emplace_back(store::SetState{repos::RepoId{id}, state, "", 0, 0});
    write.mutations.emplace_back(store::ExpectHandle{repos::RepoId{id}});
  };
  add(1, did, repos::State::active);
  add(2, atproto::Did::parse("did:web:fetched-anyway.test").value(), repos::State::pending);
  leave(std::move(write));
  EXPECT_EQ(Parts(loop.executor(), config, "", {}).handles_due, std::vector{did});
}

TEST_F(PartsTest, AskForAcksOfAWebhookWhateverIsSaidOfOthers) {
  struct : outbox::Sink {
    void wake() override {}
  } sink;
  const auto undelivered_when_written = [&] {
    Parts parts(loop.executor(), config, "", {});
    parts.outbox->attach(sink);
    parts.outbox->committed({{outbox::EventId{1}, outbox::lane_of(did.str()), outbox::Order::historical, "}"}});
    EXPECT_EQ(parts.outbox->take(sink, 1).size(), 1U);
    parts.outbox->written(sink, std::vector{outbox::EventId{1}});
    const std::size_t undelivered = parts.outbox->size();
    parts.outbox->detach(sink);
    return undelivered;
  };
  config.disable_acks = true;
  EXPECT_EQ(undelivered_when_written(), 0U);
  config.webhook_url = "http://127.0.0.1:9/";
  EXPECT_EQ(undelivered_when_written(), 1U);
}

}  // namespace
}  // namespace tap::app
