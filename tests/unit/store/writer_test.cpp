// SPDX-License-Identifier: MIT
#include "unit/store/writer_world.hpp"

namespace tap::store {
namespace {

using testing::Field;

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
  commit_together(20);
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
  commit_together(5);
  std::vector<test::Loop::Started<Result<void>>> waiting;
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
  commit_together(20);
  writer_->stop();
  EXPECT_EQ(store_->applied()[1].writes, 5U) << "a write counts as one, its event as another";
}

TEST_F(WriterTest, TransactionsHaveABoundOfBytes) {
  options_.batch_bytes = 10'000;
  start();
  auto held = hold();
  std::vector<test::Loop::Started<Result<void>>> waiting;
  const auto add = [&](Write write) { waiting.push_back(loop_.start(writer_->commit(std::move(write)))); };
  add(write_of({}, {draft(std::string(4'000, 'x')), draft(std::string(2'000, 'x'))}));
  add(write_of({BufferCommit{RepoId{1}, {}, Bytes(4'000)}}, {}));
  add(write_of({}, {draft("y")}));
  add(write_of({}, {draft(std::string(30'000, 'x'))}));
  add(write_of({}, {draft("y")}));
  store_->release();
  for (auto& one : waiting) EXPECT_TRUE(finish(one));
  EXPECT_TRUE(finish(held));
  writer_->stop();
  std::vector<std::size_t> writes;
  for (const auto& transaction : store_->applied()) writes.push_back(transaction.writes);
  EXPECT_THAT(writes, ElementsAre(1, 2, 1, 1, 1)) << "to the byte; a larger one goes alone";
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

TEST_F(WriterTest, LockedDatabaseIsTriedOnceForAllOfATransaction) {
  start();
  auto held = hold();
  std::vector<test::Loop::Started<Result<void>>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(commit(std::to_string(i)));
  store_->fail_with(Errc::busy);
  store_->release();
  for (auto& one : waiting) EXPECT_EQ(finish(one).error(), Errc::busy);
  EXPECT_EQ(finish(held).error(), Errc::busy);
  writer_->stop();
  EXPECT_THAT(store_->applied(),
              ElementsAre(Field(&HeldStore::Applied::writes, 1), Field(&HeldStore::Applied::writes, 20)));
  EXPECT_EQ(metrics_.counter("tap_store_failures_total", "", {{"what", "transaction"}}).value(), 2U);
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
  while (store_->vacuums == 0) std::this_thread::yield();  // from here on it has nothing to clear up
  store_->fake_log_bytes = 2'500;
  auto one = commit("too long");
  EXPECT_TRUE(finish(one));
  EXPECT_EQ(store_->checkpoints, 2) << "before the answer: once by the thread, once by the writer";
}

TEST_F(WriterTest, LogThatBeganAnewIsCopiedAtItsUsualLength) {
  options_.checkpoint_bytes = 1'000;
  options_.max_log_bytes = 2'000;
  start();
  store_->log_bytes_when_copied = 2'500;  // it is the next write that begins it anew
  for (const std::uint64_t length : {2'500U, 100U, 2'500U}) {
    store_->fake_log_bytes = length;
    auto one = commit("one");
    EXPECT_TRUE(finish(one));
  }
  EXPECT_EQ(store_->checkpoints, 4);
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
