// SPDX-License-Identifier: MIT
#pragma once

#include "tap/firehose/processor.hpp"

#include "support/atproto/account.hpp"
#include "support/clock_fakes.hpp"
#include "support/directory_fakes.hpp"
#include "support/loop.hpp"
#include "support/store_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tap::firehose {

/// A processor with everything around it, and the hand of a relay.
class World : public testing::Test {
 protected:
  ~World() override {
    writer.gate.open();
    reader.gate.open();
    directory.gate.open();
    if (made_) loop.run(made_->stop());
  }

  Processor& processor() {
    if (!made_) {
      made_ = make_processor({.loop = loop.executor(),
                              .table = table,
                              .ledger = ledger,
                              .directory = directory,
                              .check_handle = [this](const atproto::Did& did) { check_handle(did); },
                              .cpu = cpu,
                              .clock = clock,
                              .jitter = jitter,
                              .metrics = metrics,
                              .on_failure = [this](auto, const auto&) { ++failures; }},
                             filter, interest, options);
    }
    return *made_;
  }

  /// Tracks the account, and brings it up to date as a resync would.
  repos::RepoId follow(const test::Account& account) {
    directory.know(account);
    EXPECT_TRUE(loop.run(ledger.track({account.did()})));
    const auto id = table.find(account.did().str()).value();
    store::Write write;
    if (const auto& head = account.head()) {
      const repos::Head held{head->rev, head->data, account.records().size()};
      write.mutations.emplace_back(store::SetHead{id, held});
      table.set_head(id, held);
    }
    write.mutations.emplace_back(store::SetState{id, repos::State::active, "", 0, 0});
    table.set_state(id, repos::State::active);
    EXPECT_TRUE(loop.run(writer.commit(std::move(write))));
    writer.writes.clear();
    writer.attempts = 0;
    return id;
  }
  /// An account with some posts, followed.
  test::Account followed(std::uint64_t number) {
    test::Account account(number);
    account.fill(3);
    follow(account);
    return account;
  }

  /// The relay sends this; gives its seq.
  std::int64_t receive_frame(const Bytes& frame) {
    const auto head = atproto::read_frame_head(frame).value();
    processor().accept(head, frame);
    return head.seq;
  }
  template <class Message>
  std::int64_t receive(Message message) {
    message.seq = ++seq;
    return receive_frame(message.frame());
  }
  /// Receives it, and waits until nothing is in flight.
  template <class Message>
  void handle(Message message) {
    receive(std::move(message));
    drain();
  }
  void drain() { loop.run(processor().drain()); }

  repos::State state_of(const test::Account& account) {
    return table.get(table.find(account.did().str()).value())->state;
  }
  repos::Head held(const test::Account& account) {
    return table.get(table.find(account.did().str()).value())->head.value();
  }
  /// The rev and data that we hold are the account's own.
  void expect_in_step(const test::Account& account) {
    EXPECT_EQ(held(account).rev, account.head()->rev);
    EXPECT_EQ(held(account).data, account.head()->data);
    EXPECT_EQ(held(account).records, account.records().size());
    EXPECT_EQ(database.find(account.did().str())->repo, table.get(table.find(account.did().str()).value()).value());
  }
  std::int64_t cursor() { return processor().low_water().value(); }
  std::uint64_t count(const std::string& name) { return metrics.counter(name, "").value(); }

  test::Loop loop;
  test::FakeDatabase database;
  test::FakeWriter writer{loop.executor(), database};
  test::FakeReader reader{loop.executor(), database};
  test::FakeDirectory directory{loop.executor()};
  test::FakeClock clock;
  test::FixedJitter jitter;
  metrics::Registry metrics;
  repos::Table table;
  ledger::Ledger ledger{loop.executor(), table, writer, reader, metrics};
  async::CpuPool cpu{loop.executor(), 2};
  std::vector<std::string> handle_checks;
  std::optional<std::string> bug;  ///< the check of a handle throws it
  std::size_t failures = 0;        ///< exceptions that were reported
  verify::Filter filter;
  Interest interest;
  ProcessorOptions options{.retry_unit = std::chrono::milliseconds(1)};
  std::int64_t seq = 100;

 private:
  void check_handle(const atproto::Did& did) {
    if (bug) throw std::runtime_error(*bug);
    handle_checks.push_back(did.str());
  }
  std::unique_ptr<Processor> made_;
};

}  // namespace tap::firehose
