// SPDX-License-Identifier: MIT
#pragma once

#include "unit/store/backends.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

namespace tap::store {

using outbox::EventId;

/// A store on the program's server, which can be stopped, hung and told to end sessions.
class PostgresStore : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = test::PostgresServer::missing(); !reason.empty()) {
      GTEST_SKIP() << "skipped: " << reason;
    }
    server_ = &test::postgres_server();
    backend_ = std::make_unique<PostgresBackend>();
  }
  void TearDown() override {
    store_.reset();
    backend_.reset();
  }

  Store& open() {
    store_.reset();
    store_ = backend_->open().value();
    return *store_;
  }
  /// With little patience for a server that hangs.
  Store& open_impatient() {
    store_.reset();
    store_ =
        open_store(backend_->url() + "&connect_timeout=2", {.server_silence = std::chrono::milliseconds(100)}).value();
    return *store_;
  }
  Errc open_error(const std::string& url) {
    auto opened = open_store(url);
    if (opened) return Errc{};
    message_ = opened.error().message();
    return static_cast<Errc>(opened.error().code().value());
  }
  Result<EventId> add(const std::string& event) {
    const Write write = write_of({SaveCursor{"firehose", "r", event}}, {draft(event)});
    return store_->apply({&write, 1}, {});
  }
  /// Until the server is back. The store bounds how often it asks it.
  EventId add_at_last(const std::string& event) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      auto added = add(event);
      if (added) return *added;
      EXPECT_EQ(added.error(), Errc::unavailable) << added.error().message();
      if (std::chrono::steady_clock::now() > end) return EventId{};
      std::this_thread::yield();
    }
  }
  /// What is said once nothing can be written any more; and nothing is, from then on.
  std::string end_of_adding() {
    Result<EventId> added = add("end");
    while (!added && (added.error() == Errc::unavailable || added.error() == Errc::busy)) added = add("end");
    if (added) return "it was written";
    EXPECT_EQ(added.error(), Errc::superseded);
    EXPECT_EQ(add("end").error(), Errc::superseded);
    return added.error().message();
  }
  /// Another process, which has taken the schema while ours was away, and has written to it.
  std::unique_ptr<Store> usurper() {
    server_->stop();
    server_->start();
    auto other = backend_->open().value();
    const Write write = write_of({}, {draft("other")});
    EXPECT_TRUE(other->apply({&write, 1}, {}));
    return other;
  }
  std::vector<std::string> stored() {
    std::vector<std::string> out;
    auto events = store_->queries().value()->events(EventId{}, 1'000);
    for (const auto& event : events.value()) out.push_back(event.body);
    return out;
  }
  /// A commit that has gone in on the server, whose answer waits for a standby that never comes.
  std::future<Result<EventId>> commit_without_answer(const std::string& event) {
    hold_answers();
    auto adding = std::async(std::launch::async, [this, event] { return add(event); });
    while (!is_answer_held()) std::this_thread::yield();
    server_->sql("ALTER SYSTEM RESET synchronous_standby_names");
    return adding;
  }
  /// From here on every commit waits. The server's checkpointer makes it known to the sessions, in its own time: a
  /// commit of ours that waits shows that it has.
  void hold_answers() {
    server_->sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server_->sql("SELECT pg_reload_conf()");
    for (bool held = false; !held;) {
      auto probe = std::async(std::launch::async, [url = server_->url()] {
        test::run_sql(url, "SELECT pg_logical_emit_message(true, 'probe', '')");
      });
      while (!held && probe.wait_for(std::chrono::seconds(0)) != std::future_status::ready) held = is_answer_held();
      server_->sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
      probe.get();
    }
  }
  bool is_answer_held() {
    return server_->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") != "0";
  }

  test::PostgresServer* server_ = nullptr;
  std::unique_ptr<PostgresBackend> backend_;
  std::unique_ptr<Store> store_;
  std::string message_;
};

}  // namespace tap::store
