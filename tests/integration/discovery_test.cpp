// SPDX-License-Identifier: MIT
// Repos that nobody has named: the relay's lists, and what the firehose shows.
#include "integration/tap_test.hpp"

#include <gmock/gmock.h>

namespace tap::test {
namespace {

using ::testing::HasSubstr;

class Discovery : public TapTest {
 protected:
  std::vector<Account> published(std::uint64_t first, std::size_t count) {
    std::vector<Account> accounts;
    for (std::uint64_t i = 0; i < count; ++i) {
      accounts.emplace_back(first + i);
      accounts.back().fill(3);
      publish(accounts.back());
    }
    return accounts;
  }
  static std::vector<RelayServer::Repo> listed(const std::vector<Account>& accounts,
                                               const std::vector<std::string>& collections = {}) {
    std::vector<RelayServer::Repo> repos;
    for (const Account& account : accounts) repos.push_back({.did = account.did().str(), .collections = collections});
    return repos;
  }
  void await_all(const std::vector<Account>& accounts) {
    for (const Account& account : accounts) await_records(account);
  }
};

TEST_F(Discovery, WholeNetworkIsListedAndFollowed) {
  const auto accounts = published(1, 7);
  relay_.set_repos(listed(accounts));
  relay_.set_page_size(2);
  start({"--full-network"});
  consume();
  await_all(accounts);
  EXPECT_THAT(get("/stats/cursors").dump(), HasSubstr(R"("list_repos":"")"));
}

TEST_F(Discovery, CrawlGoesOnAfterACrashInItsMiddle) {
  const auto accounts = published(1, 6);
  relay_.set_repos(listed(accounts));
  relay_.set_page_size(2);
  start({"--full-network"});
  consume();
  await_records(accounts.front());
  crash();
  start({"--full-network"});
  consume();
  await_all(accounts);
}

TEST_F(Discovery, SignalCollectionIsListedAndWatched) {
  const auto posters = published(1, 3);
  auto others = published(11, 2);
  auto repos = listed(posters, {"app.bsky.feed.post"});
  for (auto& repo : listed(others, {"app.bsky.graph.follow"})) repos.push_back(repo);
  relay_.set_repos(repos);
  start({"--signal-collection", "app.bsky.feed.post"});
  consume();
  await_all(posters);
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 3);

  // One of the others posts now. What it says is fetched, not taken from the event.
  send(others[0].post());
  publish_repo(others[0]);
  await_records(others[0]);
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 4);
}

TEST_F(Discovery, NewcomerOfTheNetworkIsFollowedAtItsFirstCommit) {
  relay_.set_repos({});
  start({"--full-network"});
  consume();
  Account newcomer(1);
  publish_document(newcomer, pds_);
  send(newcomer.post());
  publish_repo(newcomer);
  await_records(newcomer);
  send(newcomer.post());
  await_records(newcomer);
  EXPECT_TRUE(told(newcomer).back().is_live());
}

TEST_F(Discovery, ForgedCommitOfAStrangerChangesNothing) {
  relay_.set_repos({});
  start({"--full-network"});
  consume();
  Account victim(1);
  publish_document(victim, pds_);
  send(victim.commit({create(victim.new_path(), post_record(1))}, {.key = Account(2).key()}));
  Account honest(3);
  publish_document(honest, pds_);
  send(honest.post());
  publish_repo(honest);
  await_records(honest);
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 1);
}

}  // namespace
}  // namespace tap::test
