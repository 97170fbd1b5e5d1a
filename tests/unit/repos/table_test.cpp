// SPDX-License-Identifier: MIT
#include "tap/repos/table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace tap::repos {
namespace {

const std::string kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";

atproto::Did plc(std::uint64_t number) {
  std::mt19937_64 random(number);
  std::string did = "did:plc:";
  for (int i = 0; i < 24; ++i) did += kAlphabet[random() % 32];
  return *atproto::Did::parse(did);
}
atproto::Did did_of(std::uint64_t number) {
  return number % 3 == 0 ? *atproto::Did::parse("did:web:d" + std::to_string(number) + ".example.com") : plc(number);
}
Head head_of(std::uint64_t number) {
  const std::string text = std::to_string(number);
  return {atproto::Tid(number), atproto::Cid::of(atproto::Cid::Codec::dag_cbor, as_bytes(text)), number % 1'000};
}

TEST(RepoTable, FindsWhatWasAdded) {
  Table table;
  EXPECT_EQ(table.find(plc(1).str()), std::nullopt);
  const RepoId id = table.allocate();
  const Repo repo{State::active, Account::suspended, head_of(~std::uint64_t{0})};
  ASSERT_TRUE(table.add(id, plc(1), repo));
  EXPECT_EQ(table.find(plc(1).str()), id);
  EXPECT_EQ(table.get(id), repo);
  EXPECT_EQ(table.did(id), plc(1));
  EXPECT_TRUE(table.contains(id));
  EXPECT_EQ(table.records(), repo.head->records);
}

TEST(RepoTable, AddsNoDidAndNoIdTwice) {
  Table table;
  ASSERT_TRUE(table.add(RepoId{1}, plc(1), {}));
  EXPECT_FALSE(table.add(RepoId{2}, plc(1), {State::active, {}, {}}));
  EXPECT_FALSE(table.add(RepoId{1}, plc(2), {}));
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.get(RepoId{1}), Repo{});
  EXPECT_EQ(table.find(plc(2).str()), std::nullopt);
}

TEST(RepoTable, AllocatesAboveEverythingEverKnown) {
  Table table;
  EXPECT_EQ(table.allocate(), RepoId{1});
  table.add(RepoId{9}, plc(9), {});
  table.remove(RepoId{9});
  EXPECT_EQ(table.allocate(), RepoId{10});
  table.reserve(RepoId{20});
  table.reserve(RepoId{3});
  EXPECT_EQ(table.allocate(), RepoId{21});
}

TEST(RepoTable, RemovedRepoIsGoneForLateWork) {
  Table table;
  table.add(RepoId{1}, plc(1), {State::active, {}, head_of(5)});
  ASSERT_TRUE(table.remove(RepoId{1}));
  EXPECT_FALSE(table.remove(RepoId{1}));
  table.add(RepoId{2}, plc(1), {});
  EXPECT_FALSE(table.set_head(RepoId{1}, head_of(6)));
  EXPECT_FALSE(table.set_state(RepoId{1}, State::error));
  EXPECT_FALSE(table.set_account(RepoId{1}, Account::deleted));
  EXPECT_EQ(table.get(RepoId{1}), std::nullopt);
  EXPECT_EQ(table.did(RepoId{1}), std::nullopt);
  EXPECT_EQ(table.get(RepoId{2}), Repo{});
}

/// Against the plainest table there is; small numbers make collisions of everything likely.
class RandomSearch : public testing::Test {
 protected:
  struct Known {
    atproto::Did did;
    Repo repo;
  };
  Known* find(RepoId id) {
    const auto found = model_.find(id);
    return found == model_.end() ? nullptr : &found->second;
  }
  RepoId id_of(const atproto::Did& did) {
    for (const auto& [id, known] : model_) {
      if (known.did == did) return id;
    }
    return RepoId{};
  }

  void step(std::mt19937_64& random) {
    const RepoId id{1 + random() % 300};
    Known* known = find(id);
    switch (random() % 6) {
      case 0:
      case 1: {
        const atproto::Did did = did_of(random() % 200);
        Repo repo{static_cast<State>(random() % 5), static_cast<Account>(random() % 6), {}};
        if (random() % 2 == 0) repo.head = head_of(random() % 10'000);
        const bool is_new = known == nullptr && id_of(did) == RepoId{};
        ASSERT_EQ(table_.add(id, did, repo), is_new);
        if (is_new) model_.emplace(id, Known{did, repo});
        break;
      }
      case 2:
        ASSERT_EQ(table_.remove(id), model_.erase(id) == 1);
        break;
      case 3: {
        const Head head = head_of(random() % 10'000);
        ASSERT_EQ(table_.set_head(id, head), known != nullptr);
        if (known != nullptr) known->repo.head = head;
        break;
      }
      case 4: {
        const auto state = static_cast<State>(random() % 5);
        ASSERT_EQ(table_.set_state(id, state), known != nullptr);
        if (known != nullptr) known->repo.state = state;
        break;
      }
      default: {
        const auto account = static_cast<Account>(random() % 6);
        ASSERT_EQ(table_.set_account(id, account), known != nullptr);
        if (known != nullptr) known->repo.account = account;
      }
    }
  }

  void check() {
    std::map<RepoId, Repo> seen;
    table_.each([&](RepoId id, const Repo& repo) { ASSERT_TRUE(seen.emplace(id, repo).second); });
    ASSERT_EQ(seen.size(), model_.size());
    std::uint64_t records = 0;
    std::map<State, std::size_t> states;
    for (const auto& [id, known] : model_) {
      ASSERT_EQ(seen.at(id), known.repo);
      ASSERT_EQ(table_.get(id), known.repo);
      ASSERT_EQ(table_.did(id), known.did);
      ASSERT_EQ(table_.find(known.did.str()), id);
      if (known.repo.head) records += known.repo.head->records;
      states[known.repo.state] += 1;
    }
    for (std::uint64_t number = 0; number < 200; ++number) {
      if (id_of(did_of(number)) == RepoId{}) ASSERT_EQ(table_.find(did_of(number).str()), std::nullopt);
    }
    ASSERT_EQ(table_.size(), model_.size());
    ASSERT_EQ(table_.records(), records);
    for (const State state : {State::pending, State::desynchronized, State::resyncing, State::active, State::error}) {
      ASSERT_EQ(table_.count(state), states[state]);
    }
  }

  Table table_;
  std::map<RepoId, Known> model_;
};

TEST_F(RandomSearch, AnySequenceOfCallsAgreesWithTheModel) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 30'000; ++round) {
    step(random);
    if (HasFatalFailure()) return;
    if (round % 1'000 == 0) check();
  }
  check();
}

TEST(RepoTable, ReposThatComeAndGoTakeNoMemory) {
  Table table;
  const auto come_and_go = [&] {
    for (std::uint64_t number = 1; number <= 10'000; ++number) {
      const RepoId id = table.allocate();
      ASSERT_TRUE(table.add(id, did_of(number), {State::active, {}, head_of(number)}));
      ASSERT_TRUE(table.remove(id));
    }
  };
  come_and_go();
  const std::size_t before = table.memory();
  come_and_go();
  EXPECT_EQ(table.memory(), before);
}

TEST(RepoTable, TakesAHundredBytesARepoAtMost) {
  constexpr std::size_t kRepos = 1'000'000;
  Table table;
  std::mt19937_64 random(5);
  std::size_t worst = 0;
  std::string did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
  for (std::size_t i = 0; i < kRepos; ++i) {
    for (std::size_t k = 8; k < did.size(); ++k) did[k] = kAlphabet[random() % 32];
    ASSERT_TRUE(table.add(table.allocate(), *atproto::Did::parse(did), {}));
    if (i >= 100'000) worst = std::max(worst, table.memory() / table.size());
  }
  std::printf("%zu bytes a repo, %zu at worst on the way\n", table.memory() / kRepos, worst);
  EXPECT_LE(worst, 100U);
}

}  // namespace
}  // namespace tap::repos
