// SPDX-License-Identifier: MIT
#include "tap/store/writer.hpp"

#include "store/sqlite/database.hpp"
#include "support/loop.hpp"
#include "unit/store/backends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <semaphore>

namespace tap::store {
namespace {

using outbox::EventId;
using testing::ElementsAre;
using testing::IsEmpty;

/// A store whose transactions can be held, counted and made to fail; behind it a real one.
class HeldStore final : public Store {
 public:
  explicit HeldStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  struct Applied {
    std::size_t writes = 0, events = 0;
    std::vector<EventId> acked;
    bool ok = false;
  };

  /// The next transaction waits until release(); entered() returns when one is there.
  void hold() { held_ = true; }
  void entered() { entered_.acquire(); }
  void release() { released_.release(); }
  /// The same of the next slice of a fold.
  void hold_fold() { fold_held_ = true; }
  /// Every transaction fails with this until it is empty again.
  void fail_with(std::optional<Errc> code) { failure_ = code ? static_cast<int>(*code) : 0; }
  /// Once the writer has stopped or waits.
  [[nodiscard]] const std::vector<Applied>& applied() const { return applied_; }
  std::atomic<int> checkpoints{0};
  std::atomic<int> fold_failures{0};
  std::atomic<int> sweep_failures{0};
  std::atomic<int> vacuums{0};
  std::atomic<std::uint64_t> fake_log_bytes{0};

  Result<EventId> apply(std::span<const Write> writes, std::span<const EventId> acked) override {
    if (held_.exchange(false)) wait_for_release();
    Applied call{writes.size(), 0, {acked.begin(), acked.end()}, false};
    for (const Write& write : writes) call.events += write.events.size();
    Result<EventId> result = fail(static_cast<Errc>(failure_.load()));
    if (failure_ == 0) result = store_->apply(writes, acked);
    call.ok = result.has_value();
    applied_.push_back(std::move(call));
    return result;
  }
  Result<void> fold_slice(std::size_t max) override {
    if (fold_held_.exchange(false)) wait_for_release();
    if (fold_failures > 0) {
      --fold_failures;
      return fail(Errc::full);
    }
    return store_->fold_slice(max);
  }
  Result<void> checkpoint() override {
    ++checkpoints;
    fake_log_bytes = 0;
    return store_->checkpoint();
  }
  std::uint64_t log_bytes() const override { return fake_log_bytes; }

  Result<void> load_repos(const std::function<void(const RepoRow&)>& sink) override { return store_->load_repos(sink); }
  Result<RepoId> last_repo() override { return store_->last_repo(); }
  Result<std::uint64_t> undelivered() override { return store_->undelivered(); }
  Result<void> fold() override { return store_->fold(); }
  EventId folded() const override { return store_->folded(); }
  EventId next_event() const override { return store_->next_event(); }
  std::size_t unfolded() const override { return store_->unfolded(); }
  bool has_unfolded(RepoId id) const override { return store_->has_unfolded(id); }
  std::uint64_t dead_letters() const override { return store_->dead_letters(); }
  Result<bool> sweep() override {
    if (sweep_failures > 0) {
      --sweep_failures;
      return fail(Errc::corrupt);
    }
    return store_->sweep();
  }
  Result<bool> vacuum() override {
    ++vacuums;
    return store_->vacuum();
  }
  Result<std::unique_ptr<Queries>> queries() override { return store_->queries(); }

 private:
  void wait_for_release() {
    entered_.release();
    released_.acquire();
  }
  std::unique_ptr<Store> store_;
  std::atomic<bool> held_{false}, fold_held_{false};
  std::atomic<int> failure_{0};
  std::counting_semaphore<> entered_{0};
  std::counting_semaphore<> released_{0};
  std::vector<Applied> applied_;
};

class FakeInbox final : public outbox::Inbox {
 public:
  void committed(std::vector<outbox::Event> events) override {
    for (auto& event : events) log.push_back(event.body);
    all.insert(all.end(), events.begin(), events.end());
    ++calls;
  }
  std::vector<outbox::Event> all;
  std::vector<std::string> log;  ///< bodies, between what else a test writes here
  int calls = 0;
};

class WriterTest : public testing::Test {
 protected:
  WriterTest() {
    open_store(path_).value().reset();
    EXPECT_TRUE(sqlite::Database::open(path_, sqlite::Mode::read_write)->script(kPoison));
    store_ = std::make_unique<HeldStore>(open_store(path_).value());
    options_.ack_delay = std::chrono::hours(1);  // acks join only what the test writes
    options_.fold.age = std::chrono::hours(1);
  }
  ~WriterTest() override {
    if (writer_) writer_->stop();
    loop_.settle();
  }

  Writer& start() {
    writer_ = make_writer(loop_.executor(), *store_, metrics_, options_);
    writer_->connect(inbox_);
    return *writer_;
  }
  test::Loop::Started<Result<void>> commit(Write write) { return loop_.start(writer_->commit(std::move(write))); }
  test::Loop::Started<Result<void>> commit(const std::string& body) { return commit(write_of({}, {draft(body)})); }
  /// Puts the thread into a transaction of its own, in which it stays.
  test::Loop::Started<Result<void>> hold() {
    store_->hold();
    auto first = commit("held");
    store_->entered();
    return first;
  }
  template <class T>
  T finish(test::Loop::Started<T>& started) {
    loop_.run_until([&] { return started.done(); });
    return started.take();
  }

  test::Loop loop_;
  ScratchFolder folder_;
  std::string path_ = folder_.file("tap.db");
  metrics::Registry metrics_;
  WriterOptions options_;
  FakeInbox inbox_;
  std::unique_ptr<HeldStore> store_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(WriterTest, CommitIsDurableAndHeardOfBeforeItResumes) {
  start();
  auto told = [](Writer& writer, FakeInbox& inbox) -> Task<bool> {
    auto done = co_await writer.commit(write_of({}, {draft("event")}));
    inbox.log.emplace_back("resumed");
    co_return done.has_value();
  };
  EXPECT_TRUE(loop_.run(told(*writer_, inbox_)));
  EXPECT_THAT(inbox_.log, ElementsAre("event", "resumed"));
  EXPECT_EQ(inbox_.all.front().id, EventId{1});
  EXPECT_EQ(inbox_.all.front().lane, outbox::LaneKey{7});
  writer_->stop();  // its thread has the store until then
  EXPECT_EQ(store_->undelivered(), 1U);
}

TEST_F(WriterTest, WhatWaitsIsOneTransaction) {
  start();
  auto held = hold();
  std::vector<test::Loop::Started<Result<void>>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(commit(std::to_string(i)));
  store_->release();
  for (auto& one : waiting) EXPECT_TRUE(finish(one));
  EXPECT_TRUE(finish(held));
  writer_->stop();
  ASSERT_GE(store_->applied().size(), 2U);
  EXPECT_EQ(store_->applied()[1].writes, 20U);
  EXPECT_EQ(inbox_.calls, 2) << "one call a transaction";
  std::vector<std::string> expected = {"held"};
  for (int i = 0; i < 20; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(inbox_.log, expected);
  for (std::size_t i = 0; i < inbox_.all.size(); ++i) EXPECT_EQ(inbox_.all[i].id, EventId{i + 1});
}

TEST_F(WriterTest, WritesWaitForOneAnotherWhereManyCome) {
  options_.gather = std::chrono::hours(1);
  start();
  auto held = hold();
  std::vector<test::Loop::Started<Result<void>>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(commit(std::to_string(i)));
  store_->release();
  for (auto& one : waiting) EXPECT_TRUE(finish(one));
  EXPECT_TRUE(finish(held));
  waiting.clear();
  for (int i = 0; i < 50; ++i) {
    waiting.push_back(commit("late"));
    loop_.settle();
  }
  writer_->stop();  // waits for nothing
  for (auto& one : waiting) EXPECT_TRUE(finish(one));
  ASSERT_EQ(store_->applied().size(), 3U);
  EXPECT_EQ(store_->applied()[2].writes, 50U);
}

TEST_F(WriterTest, WritesThatComeAloneWaitForNobody) {
  options_.gather = std::chrono::hours(1);
  start();
  for (int i = 0; i < 5; ++i) {
    auto one = commit("alone");
    EXPECT_TRUE(finish(one));
  }
}

TEST_F(WriterTest, TransactionsHaveABound) {
  options_.batch_events = 10;
  start();
  auto held = hold();
  std::vector<test::Loop::Started<Result<void>>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(commit(std::to_string(i)));
  store_->release();
  for (auto& one : waiting) EXPECT_TRUE(finish(one));
  EXPECT_TRUE(finish(held));
  writer_->stop();
  EXPECT_EQ(store_->applied()[1].writes, 5U) << "a write counts as one, its event as another";
}

TEST_F(WriterTest, OneBadMemberDoesNotFailItsNeighbours) {
  start();
  auto held = hold();
  auto before = commit("before");
  auto bad = commit(write_of({SaveCursor{"firehose", "r", "poison"}}, {draft("never")}));
  auto after = commit("after");
  store_->release();
  EXPECT_TRUE(finish(before));
  EXPECT_TRUE(finish(after));
  EXPECT_FALSE(finish(bad));
  EXPECT_TRUE(finish(held));
  EXPECT_THAT(inbox_.log, ElementsAre("held", "before", "after"));
  EXPECT_EQ(inbox_.all.back().id, EventId{3}) << "no id is wasted, none is used twice";
  writer_->stop();
  EXPECT_EQ(store_->undelivered(), 3U);
}

TEST_F(WriterTest, FailingDatabaseFailsItsCallersAndRecovers) {
  start();
  store_->fail_with(Errc::full);
  auto one = commit("one");
  auto failed = finish(one);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), Errc::full);
  EXPECT_THAT(inbox_.log, IsEmpty());
  store_->fail_with(std::nullopt);
  auto two = commit("two");
  EXPECT_TRUE(finish(two));
  EXPECT_THAT(inbox_.log, ElementsAre("two"));
  EXPECT_GE(metrics_.counter("tap_store_failures_total", "", {{"what", "transaction"}}).value(), 1U);
}

TEST_F(WriterTest, FullInboxWaitsAndGoesOn) {
  options_.inbox = 4;
  start();
  auto held = hold();
  std::vector<test::Loop::Started<Result<void>>> waiting;
  for (int i = 0; i < 50; ++i) waiting.push_back(commit(std::to_string(i)));
  EXPECT_EQ(metrics_.gauge("tap_queue_depth", "", {{"queue", "store_writes"}}).value(), 4);
  EXPECT_EQ(metrics_.gauge("tap_queue_capacity", "", {{"queue", "store_writes"}}).value(), 4);
  store_->release();
  for (auto& one : waiting) EXPECT_TRUE(finish(one));
  EXPECT_TRUE(finish(held));
  writer_->stop();
  for (const auto& call : store_->applied()) EXPECT_LE(call.writes, 4U);
  EXPECT_EQ(inbox_.log.size(), 51U);
  EXPECT_EQ(metrics_.gauge("tap_queue_depth", "", {{"queue", "store_writes"}}).value(), 0);
}

TEST_F(WriterTest, AcksJoinTheNextTransaction) {
  start();
  auto one = commit("one");
  EXPECT_TRUE(finish(one));
  writer_->ack(std::vector{EventId{1}});
  auto two = commit("two");
  EXPECT_TRUE(finish(two));
  writer_->stop();
  EXPECT_EQ(store_->undelivered(), 1U);
  EXPECT_EQ(store_->applied().size(), 2U);
}

TEST_F(WriterTest, AcksGoByThemselvesWhenTheirTimeIsUp) {
  options_.ack_delay = std::chrono::milliseconds(1);
  start();
  auto one = commit("one");
  EXPECT_TRUE(finish(one));
  loop_.run_until([&] { return store_->vacuums > 0; });  // what it does at its start is done
  store_->hold();
  writer_->ack(std::vector{EventId{1}});
  store_->entered();  // without another write
  store_->release();
  writer_->stop();
  EXPECT_EQ(store_->undelivered(), 0U);
}

TEST_F(WriterTest, FlushMakesAcksDurable) {
  start();
  auto one = commit("one");
  EXPECT_TRUE(finish(one));
  writer_->ack(std::vector{EventId{1}});
  EXPECT_TRUE(loop_.run(writer_->flush()));
  EXPECT_TRUE(loop_.run(writer_->flush())) << "nothing to do";
  writer_->stop();
  EXPECT_EQ(store_->undelivered(), 0U);
  EXPECT_EQ(store_->applied().size(), 2U);
}

TEST_F(WriterTest, AcksOfAFailedTransactionAreNotLost) {
  start();
  auto one = commit("one");
  EXPECT_TRUE(finish(one));
  store_->fail_with(Errc::full);
  writer_->ack(std::vector{EventId{1}});
  EXPECT_FALSE(loop_.run(writer_->flush()));
  EXPECT_EQ(metrics_.queue("store_acks", 0).value(), 1);
  store_->fail_with(std::nullopt);
  EXPECT_TRUE(loop_.run(writer_->flush()));
  EXPECT_EQ(metrics_.queue("store_acks", 0).value(), 0);
  writer_->stop();
  EXPECT_EQ(store_->undelivered(), 0U);
}

TEST_F(WriterTest, FoldResumesWhenEverythingBeforeIsInTheTables) {
  start();
  auto add = commit(write_of({AddRepo{RepoId{1}, did_of(1)}}));
  EXPECT_TRUE(finish(add));
  auto advance = commit(write_of({AdvanceHead{RepoId{1}, head_of(1, 1), {put("a.b.c", "x", 1)}}}));
  auto fold = loop_.start(writer_->fold());
  EXPECT_TRUE(finish(advance));
  EXPECT_TRUE(finish(fold));
  EXPECT_EQ(store_->queries().value()->records(RepoId{1}, "a.b.c", "", 9)->size(), 1U);
  EXPECT_TRUE(loop_.run(writer_->fold())) << "nothing to do";
}

TEST_F(WriterTest, FoldThatIsAskedForDuringARoundWaitsForTheNext) {
  start();
  Write many;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    AdvanceHead advance{RepoId{id}, head_of(1, 1'500), {}};
    for (int key = 0; key < 1'500; ++key) advance.changes.push_back(put("a.b.c", "k" + std::to_string(key), 1));
    many.mutations.emplace_back(AddRepo{RepoId{id}, did_of(id)});
    many.mutations.emplace_back(std::move(advance));
  }
  auto written = commit(std::move(many));
  EXPECT_TRUE(finish(written));
  store_->hold_fold();
  auto first = loop_.start(writer_->fold());  // of two slices
  store_->entered();
  auto late = commit(write_of({AdvanceHead{RepoId{1}, head_of(2, 1'501), {put("a.b.c", "late", 1)}}}));
  auto second = loop_.start(writer_->fold());
  store_->release();
  EXPECT_TRUE(finish(second));
  EXPECT_TRUE(first.done() && late.done());
  EXPECT_EQ(store_->queries().value()->records(RepoId{1}, "a.b.c", "kz", 9)->size(), 1U);
}

TEST_F(WriterTest, FoldOfARepoWithoutUnfoldedCommitsDoesNotFold) {
  start();
  auto one = commit(write_of({AddRepo{RepoId{1}, did_of(1)}, AddRepo{RepoId{2}, did_of(2)},
                              AdvanceHead{RepoId{1}, head_of(1, 1), {put("a.b.c", "x", 1)}}}));
  EXPECT_TRUE(finish(one));
  EXPECT_TRUE(loop_.run(writer_->fold_repo(RepoId{2})));
  auto queries = store_->queries().value();
  EXPECT_EQ(queries->records(RepoId{1}, "a.b.c", "", 9)->size(), 0U);
  EXPECT_TRUE(loop_.run(writer_->fold_repo(RepoId{1})));
  EXPECT_EQ(queries->records(RepoId{1}, "a.b.c", "", 9)->size(), 1U);
}

TEST_F(WriterTest, FoldsByItselfWhenEnoughHasGathered) {
  options_.fold.commits = 3;
  start();
  auto add = commit(write_of({AddRepo{RepoId{1}, did_of(1)}}));
  EXPECT_TRUE(finish(add));
  auto queries = store_->queries().value();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(queries->records(RepoId{1}, "a.b.c", "", 9)->size(), 0U);
    auto one = commit(write_of({AdvanceHead{RepoId{1}, head_of(i, i), {put("a.b.c", std::to_string(i), i)}}}));
    EXPECT_TRUE(finish(one));
  }
  writer_->stop();
  EXPECT_EQ(queries->records(RepoId{1}, "a.b.c", "", 9)->size(), 3U);
}

TEST_F(WriterTest, FailedFoldIsToldAndTriedAgain) {
  start();
  auto one = commit(write_of({AddRepo{RepoId{1}, did_of(1)}, AdvanceHead{RepoId{1}, head_of(1, 1), {}}}));
  EXPECT_TRUE(finish(one));
  store_->fold_failures = 1;
  const auto failed = loop_.run(writer_->fold());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), Errc::full);
  EXPECT_TRUE(loop_.run(writer_->fold()));
}

TEST_F(WriterTest, FailedSweepIsCounted) {
  store_->sweep_failures = 1;
  start();
  auto& failures = metrics_.counter("tap_store_failures_total", "", {{"what", "sweep"}});
  loop_.run_until([&] { return failures.value() == 1; });
}

TEST_F(WriterTest, StopMakesTheInboxDurable) {
  start();
  auto held = hold();
  auto one = commit("one");
  auto two = commit("two");
  writer_->ack(std::vector{EventId{1}});
  auto stopping = std::async(std::launch::async, [&] { store_->release(); });
  writer_->stop();
  stopping.get();
  loop_.settle();
  ASSERT_TRUE(one.done());
  EXPECT_TRUE(one.take());
  EXPECT_TRUE(two.take());
  EXPECT_THAT(inbox_.log, ElementsAre("held", "one", "two"));
  EXPECT_EQ(store_->undelivered(), 2U);
  const auto late = loop_.run(writer_->commit(write_of({}, {draft("late")})));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), Errc::closed);
  EXPECT_EQ(loop_.run(writer_->flush()).error(), Errc::closed);
  writer_->ack(std::vector{EventId{2}});
  writer_->stop();
  EXPECT_EQ(store_->undelivered(), 2U);
}

TEST_F(WriterTest, StopFailsThoseThatWaitForRoom) {
  options_.inbox = 1;
  start();
  auto held = hold();
  auto waiting = commit("no room");
  EXPECT_FALSE(waiting.done());
  store_->release();
  writer_->stop();
  loop_.settle();
  EXPECT_TRUE(held.take());
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.take().error(), Errc::closed);
}

TEST_F(WriterTest, LongLogIsCopiedInTheBackgroundAndThenByTheWriter) {
  options_.checkpoint_bytes = 1'000;
  start();
  auto one = commit("short");
  EXPECT_TRUE(finish(one));
  EXPECT_EQ(store_->checkpoints, 0);
  store_->fake_log_bytes = 1'500;
  auto two = commit("long");
  EXPECT_TRUE(finish(two));
  // The thread copies the bulk; a later transaction finds that out and copies the rest.
  for (int i = 0; store_->checkpoints < 2; ++i) {
    ASSERT_LT(i, 100'000);
    auto next = commit("next");
    EXPECT_TRUE(finish(next));
  }
}

TEST_F(WriterTest, LogBeyondItsBoundStopsTheWriterUntilItIsCopied) {
  options_.checkpoint_bytes = 1'000;
  options_.max_log_bytes = 2'000;
  start();
  store_->fake_log_bytes = 2'500;
  auto one = commit("too long");
  EXPECT_TRUE(finish(one));
  EXPECT_EQ(store_->checkpoints, 2) << "before the answer: once by the thread, once by the writer";
}

TEST_F(WriterTest, ManyWritersOverManyTransactionsKeepTheirOrder) {
  options_.inbox = 16;
  options_.batch_events = 8;
  options_.fold.commits = 5;
  start();
  auto add = commit(write_of({AddRepo{RepoId{1}, did_of(1)}}));
  EXPECT_TRUE(finish(add));
  auto write_all = [](Writer& writer, int number) -> Task<bool> {
    for (int i = 0; i < 50; ++i) {
      auto write = write_of({AdvanceHead{RepoId{1}, head_of(static_cast<std::uint64_t>(i + 1), 1), {}}},
                            {draft(std::to_string(number * 1'000 + i))});
      auto done = co_await writer.commit(std::move(write));
      if (!done) co_return false;
      writer.ack(std::vector{EventId{static_cast<std::uint64_t>(number * 50 + i)}});
    }
    co_return true;
  };
  std::vector<test::Loop::Started<bool>> writers;
  for (int number = 0; number < 10; ++number) writers.push_back(loop_.start(write_all(*writer_, number)));
  for (auto& one : writers) EXPECT_TRUE(finish(one));
  ASSERT_EQ(inbox_.all.size(), 500U);
  std::map<int, int> last;
  for (std::size_t i = 0; i < inbox_.all.size(); ++i) {
    if (i > 0) EXPECT_GT(inbox_.all[i].id, inbox_.all[i - 1].id);
    const int body = std::stoi(inbox_.all[i].body);
    EXPECT_EQ(body % 1'000, last[body / 1'000]++);
  }
}

}  // namespace
}  // namespace tap::store
