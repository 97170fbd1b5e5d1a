// SPDX-License-Identifier: MIT
#include "tap/store/store.hpp"

#include "unit/store/backends.hpp"
#include "unit/store/store_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace tap::store {
namespace {

using outbox::EventId;
using repos::Account;
using repos::State;

constexpr std::size_t kAll = 1'000'000;
const std::vector<std::string> kCollections = {"app.bsky.feed.post", "app.bsky.graph.follow", "z.y.x"};
const std::vector<std::string> kRkeys = {"self", "3kb3fge5lm32w", "3kb3fge5lm32x", "3kb3fge5lm32x2", "-", "zz"};

class RandomSearch : public testing::TestWithParam<EngineCase> {
 protected:
  void open() {
    queries_.reset();
    store_.reset();
    store_ = backend_->open().value();
    queries_ = store_->queries().value();
  }

  std::uint64_t below(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
  }
  RepoId some_repo() { return RepoId{1 + below(next_repo_ - 1)}; }

  std::vector<RecordChange> some_changes() {
    std::vector<RecordChange> out;
    for (std::uint64_t left = below(4); left > 0; --left) {
      const std::string& collection = kCollections[below(kCollections.size())];
      const std::string& rkey = kRkeys[below(kRkeys.size())];
      out.push_back(below(3) == 0 ? erase(collection, rkey) : put(collection, rkey, below(1'000)));
    }
    return out;
  }

  Mutation some_mutation() {
    if (next_repo_ < 3) return AddRepo{RepoId{next_repo_++}, did_of(below(8))};
    switch (below(19)) {
      case 0:
        return AddRepo{RepoId{next_repo_++}, did_of(below(8))};
      case 1:
        return RemoveRepo{some_repo()};
      case 2:
        return SetState{some_repo(), static_cast<State>(below(2)), std::to_string(below(100)),
                        static_cast<std::uint32_t>(below(9)), static_cast<std::int64_t>(below(1'000))};
      case 3:
        return SetAccount{some_repo(), static_cast<Account>(below(6))};
      case 4:
        return SetHandle{some_repo(), std::to_string(below(100))};
      case 5:
        return PutRecords{some_repo(), some_changes()};
      case 6:
        return SetHead{some_repo(), head_of(below(1'000), below(100))};
      case 7:
        return BufferCommit{some_repo(), atproto::Tid(below(10)), Bytes(below(5), 7)};
      case 8:
        return DropBuffered{some_repo(), atproto::Tid(below(10))};
      case 9:
        return SaveCursor{"firehose", std::to_string(below(2)), std::to_string(below(1'000))};
      case 10:
        return ExpectHandle{some_repo()};
      case 11:
        return SetAside{letter(1 + below(std::max<std::uint64_t>(last_event_, 1)), std::to_string(below(1'000)))};
      case 12:
        return DropDeadLetters{{EventId{below(last_event_ + 1)}, EventId{below(last_event_ + 1)}}};
      default:
        return AdvanceHead{some_repo(), head_of(below(1'000), below(100)), some_changes()};
    }
  }

  void write_something() {
    std::vector<Write> writes(below(4));
    std::vector<std::string> bodies;
    for (Write& write : writes) {
      for (std::uint64_t left = below(4); left > 0; --left) write.mutations.push_back(some_mutation());
      for (std::uint64_t left = below(4); left > 0; --left) {
        bodies.push_back(std::to_string(random_()) + std::string(200, '.'));  // rows worth thinning
        write.events.push_back(draft(bodies.back()));
      }
    }
    std::vector<EventId> acked;
    for (const auto& [id, body] : model_.events) {
      if (below(3) == 0) acked.push_back(EventId{id});
    }
    if (below(4) == 0) acked.push_back(EventId{below(last_event_ + 5)});
    std::ranges::shuffle(acked, random_);

    const auto first = static_cast<std::uint64_t>(store_->apply(writes, acked).value());
    ASSERT_GT(first, last_event_);
    for (const Write& write : writes) {
      for (const Mutation& mutation : write.mutations) model_.apply(mutation);
    }
    for (std::size_t i = 0; i < bodies.size(); ++i) model_.events[first + i] = bodies[i];
    if (!bodies.empty()) last_event_ = first + bodies.size() - 1;
    for (const EventId id : acked) model_.events.erase(static_cast<std::uint64_t>(id));
  }

  void check_now() {
    std::map<std::uint64_t, std::string> events;
    for (std::uint64_t after = 0;;) {
      const auto page = queries_->events(EventId{after}, 1 + below(5)).value();
      if (page.empty()) break;
      for (const auto& event : page) events[static_cast<std::uint64_t>(event.id)] = event.body;
      after = static_cast<std::uint64_t>(page.back().id);
    }
    ASSERT_EQ(events, model_.events);
    ASSERT_EQ(store_->undelivered().value(), model_.events.size());
    std::map<std::uint64_t, std::string> letters;
    for (const auto& kept : queries_->dead_letters("", EventId{}, kAll).value()) {
      letters[static_cast<std::uint64_t>(kept.event.id)] = kept.event.body;
    }
    ASSERT_EQ(letters, model_.letters);
    ASSERT_EQ(store_->dead_letters(), model_.letters.size());
    for (const auto& [key, value] : model_.cursors) ASSERT_EQ(queries_->cursor(key.first, key.second).value(), value);

    std::map<std::uint64_t, repos::Repo> repos;
    ASSERT_TRUE(store_->load_repos([&](const RepoRow& row) {
      repos[static_cast<std::uint64_t>(row.id)] = row.repo;
      EXPECT_EQ(row.did.str(), model_.repos[static_cast<std::uint64_t>(row.id)].did);
    }));
    ASSERT_EQ(repos.size(), model_.repos.size());
    std::size_t buffered = 0;
    for (const auto& [id, repo] : model_.repos) {
      ASSERT_EQ(repos.at(id), repo.repo) << "repo " << id;
      const auto details = queries_->details(RepoId{id}).value().value();
      ASSERT_EQ(std::tie(details.handle, details.error, details.retries, details.retry_after, details.handle_due),
                std::tie(repo.details.handle, repo.details.error, repo.details.retries, repo.details.retry_after,
                         repo.details.handle_due));
      std::vector<std::pair<atproto::Tid, Bytes>> kept;
      for (const auto& row : queries_->buffered(RepoId{id}, 0, kAll).value()) kept.emplace_back(row.rev, row.commit);
      ASSERT_EQ(kept, repo.buffered);
      buffered += kept.size();
    }
    ASSERT_EQ(queries_->buffered_count().value(), buffered);
  }

  void check_folded() {
    ASSERT_TRUE(store_->fold());
    ASSERT_EQ(store_->unfolded(), 0U);
    ASSERT_EQ(store_->sweep(), false) << "nothing is left to sweep";
    for (std::uint64_t id = 1; id < next_repo_; ++id) {
      const auto repo = model_.repos.find(id);
      std::map<std::string, std::map<std::string, atproto::Cid>> records;
      for (const auto& collection : queries_->collections(RepoId{id}).value()) {
        for (const auto& record : queries_->records(RepoId{id}, collection, "", kAll).value()) {
          records[collection].insert_or_assign(record.rkey, record.cid);
        }
      }
      ASSERT_EQ(records, repo == model_.repos.end() ? decltype(records){} : repo->second.records) << "repo " << id;
    }
  }

  void crash() {
    auto copy = backend_->crashed_copy();
    if (!copy) return open();
    queries_.reset();
    store_.reset();
    backend_ = std::move(copy);
    open();
  }

  std::mt19937_64 random_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Queries> queries_;
  Model model_;
  std::uint64_t next_repo_ = 1;
  std::uint64_t last_event_ = 0;
};

TEST_P(RandomSearch, AnySequenceOfStepsAgreesWithTheModel) {
  if (const std::string reason = GetParam().missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_.seed(seed);
    queries_.reset();
    store_.reset();
    backend_ = GetParam().make();
    model_ = {};
    next_repo_ = 1;
    last_event_ = 0;
    open();
    for (int step = 0; step < 60; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      const std::uint64_t kind = below(20);
      if (kind < 12) {
        write_something();
      } else if (kind < 16) {
        ASSERT_TRUE(store_->fold_slice(1 + below(6)));
        if (below(3) == 0) ASSERT_TRUE(store_->sweep());
      } else if (kind == 16) {
        check_folded();
      } else if (kind == 17) {
        open();
      } else if (kind == 18) {
        crash();
      } else {
        ASSERT_TRUE(store_->checkpoint());
      }
      check_now();
      if (HasFatalFailure()) return;
    }
    check_folded();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, RandomSearch, testing::ValuesIn(engines_that_are_read()), engine_name);

}  // namespace
}  // namespace tap::store
