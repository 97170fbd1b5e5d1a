// SPDX-License-Identifier: MIT
#pragma once

#include "tap/outbox/outbox.hpp"

#include "support/clock_fakes.hpp"
#include "support/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tap::outbox {

/// What is durable, with a gate in front of reading.
class FakeJournal final : public Journal {
 public:
  explicit FakeJournal(Executor loop) : gate(std::move(loop)) {}

  Task<Result<std::vector<Event>>> read(EventId after, std::size_t max) override {
    ++reads;
    if (failures > 0) {
      --failures;
      co_return fail(std::make_error_code(std::errc::io_error));
    }
    std::vector<Event> page;
    for (auto at = events.upper_bound(after); at != events.end() && page.size() < std::min(max, page_limit); ++at) {
      page.push_back(at->second);
    }
    largest_page = std::max(largest_page, page.size());
    co_await gate.pass();  // the answer is on its way
    co_return page;
  }
  Task<Result<LanePage>> read_lane(LaneKey lane, EventId first, EventId last, std::size_t max) override {
    ++lane_reads;
    if (failures > 0) {
      --failures;
      co_return fail(std::make_error_code(std::errc::io_error));
    }
    LanePage page{{}, first};
    std::size_t looked_at = 0;
    auto at = events.lower_bound(first);
    for (; at != events.end() && at->first <= last && page.events.size() < max && looked_at < page_limit; ++at) {
      ++looked_at;
      if (at->second.lane == lane) page.events.push_back(at->second);
      page.next = EventId{static_cast<std::uint64_t>(at->first) + 1};
    }
    if (at == events.end() || at->first > last) page.next = EventId{static_cast<std::uint64_t>(last) + 1};
    co_await gate.pass();
    co_return page;
  }
  void acked(std::span<const EventId> ids) override {
    for (const EventId id : ids) {
      EXPECT_EQ(events.erase(id), 1U) << "acked once";
      acks.push_back(static_cast<std::uint64_t>(id));
    }
  }

  Task<Result<void>> set_aside(std::vector<DeadLetter> dead) override {
    if (failures > 0) {
      --failures;
      co_return fail(std::make_error_code(std::errc::io_error));
    }
    for (DeadLetter& letter : dead) {
      EXPECT_EQ(events.erase(letter.event.id), 1U) << "set aside once";
      letters.push_back(std::move(letter));
    }
    co_return Result<void>{};
  }

  test::Gate gate;
  std::vector<DeadLetter> letters;
  std::map<EventId, Event> events;
  std::vector<std::uint64_t> acks;
  std::size_t page_limit = 1'000'000;
  std::size_t largest_page = 0;
  int reads = 0;
  int lane_reads = 0;
  int failures = 0;
};

class FakeSink final : public Sink {
 public:
  void wake() override { ++wakes; }
  int wakes = 0;
};

using Ids = std::vector<std::uint64_t>;

class OutboxTest : public testing::Test {
 protected:
  ~OutboxTest() override { run_.reset(); }

  /// With `undelivered` events on disk.
  void start(std::uint64_t undelivered = 0, bool running = true) {
    for (std::uint64_t i = 0; i < undelivered; ++i) make_durable(1);
    outbox_ = make_outbox(loop_.executor(), journal_, clock_, metrics_, journal_.events.size(), options_);
    if (running) run_ = std::make_unique<test::Background>(loop_, outbox_->run());
    loop_.settle();
  }
  /// A page is on its way that reaches all of the three events that there are.
  void begin_to_read_what_was_told_of() {
    journal_.gate.close();
    start(2);
    commit(1);
    journal_.gate.let_one_pass();  // the page that was asked for before
    loop_.settle();
    ASSERT_EQ(journal_.reads, 2);
  }
  /// A new process over the same journal.
  void restart() {
    run_.reset();
    outbox_.reset();
    start();
  }
  Event make_durable(std::uint64_t lane, Order order = Order::historical, std::size_t bytes = 2) {
    const Event event{EventId{++last_}, LaneKey{lane}, order, std::string(bytes, 'x')};
    journal_.events.emplace(event.id, event);
    return event;
  }
  void commit(std::size_t count, std::uint64_t lane = 1, Order order = Order::historical, std::size_t bytes = 2) {
    std::vector<Event> events;
    for (std::size_t i = 0; i < count; ++i) events.push_back(make_durable(lane, order, bytes));
    outbox_->committed(std::move(events));
    loop_.settle();
  }
  Ids take(FakeSink& sink, std::size_t max = 1'000'000) {
    Ids ids;
    for (const auto& event : outbox_->take(sink, max)) ids.push_back(static_cast<std::uint64_t>(event.id));
    return ids;
  }
  void written(FakeSink& sink, const Ids& ids) {
    std::vector<EventId> all;
    for (const auto id : ids) all.push_back(EventId{id});
    outbox_->written(sink, all);
    loop_.settle();
  }
  Ids send(FakeSink& sink, std::size_t max = 1'000'000) {
    const Ids ids = take(sink, max);
    written(sink, ids);
    return ids;
  }
  bool ack(std::uint64_t id) {
    const bool known = outbox_->ack(EventId{id});
    loop_.settle();
    return known;
  }
  /// Sends and acks until nothing more comes.
  Ids take_all(FakeSink& sink) {
    Ids all;
    for (Ids ids = send(sink); !ids.empty(); ids = send(sink)) {
      for (const std::uint64_t id : ids) EXPECT_TRUE(ack(id));
      all.insert(all.end(), ids.begin(), ids.end());
    }
    return all;
  }
  /// Turns the clock and lets the outbox look at it, as its timer would.
  void pass(std::chrono::milliseconds time) {
    clock_.advance(time);
    run_.reset();
    run_ = std::make_unique<test::Background>(loop_, outbox_->run());
  }
  std::int64_t in_memory() { return metrics_.gauge("tap_event_cache_size", "").value(); }

  test::Loop loop_;
  test::FakeClock clock_;
  metrics::Registry metrics_;
  FakeJournal journal_{loop_.executor()};
  Options options_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<test::Background> run_;
  std::uint64_t last_ = 0;
};

}  // namespace tap::outbox
