// SPDX-License-Identifier: MIT
#pragma once

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
  std::atomic<std::uint64_t> log_bytes_when_copied{0};

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
    fake_log_bytes = log_bytes_when_copied.load();
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
  /// So many that come while a transaction is under way; until all of them are done.
  void commit_together(int count) {
    auto held = hold();
    std::vector<test::Loop::Started<Result<void>>> waiting;
    for (int i = 0; i < count; ++i) waiting.push_back(commit(std::to_string(i)));
    store_->release();
    for (auto& one : waiting) EXPECT_TRUE(finish(one));
    EXPECT_TRUE(finish(held));
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

}  // namespace tap::store
