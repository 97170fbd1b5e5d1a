// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "unit/store/backends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tap::store {

using outbox::EventId;

constexpr std::size_t kAll = 1'000'000;

inline std::vector<std::uint64_t> ids_of(const std::vector<outbox::Event>& events) {
  std::vector<std::uint64_t> out;
  for (const auto& event : events) out.push_back(static_cast<std::uint64_t>(event.id));
  return out;
}
inline std::vector<std::string> bodies_of(const std::vector<outbox::Event>& events) {
  std::vector<std::string> out;
  for (const auto& event : events) out.push_back(event.body);
  return out;
}

/// What every engine keeps to; the tests are in several files.
class StoreContract : public testing::TestWithParam<EngineCase> {
 protected:
  void SetUp() override {
    if (const std::string reason = GetParam().missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    backend_ = GetParam().make();
    open();
  }
  void TearDown() override { close(); }

  void open() {
    auto opened = backend_->open();
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    queries_ = store_->queries().value();
  }
  void close() {
    queries_.reset();
    store_.reset();
  }
  void reopen() {
    close();
    open();
  }

  EventId apply(std::vector<Write> writes, std::vector<EventId> acked = {}) {
    auto first = store_->apply(writes, acked);
    EXPECT_TRUE(first) << first.error().message();
    return first.value_or(EventId{});
  }
  EventId apply(Write write) { return apply(std::vector{std::move(write)}); }
  void ack(std::vector<std::uint64_t> numbers) {
    std::vector<EventId> ids;
    for (const auto number : numbers) ids.push_back(EventId{number});
    apply(std::vector<Write>{}, ids);
  }
  void add(std::uint64_t id) { apply(write_of({AddRepo{RepoId{id}, did_of(id)}})); }
  void fold() { ASSERT_TRUE(store_->fold()); }

  std::map<std::uint64_t, RepoRow> repos() {
    std::map<std::uint64_t, RepoRow> out;
    auto loaded = store_->load_repos([&](const RepoRow& row) { out.emplace(static_cast<std::uint64_t>(row.id), row); });
    EXPECT_TRUE(loaded);
    return out;
  }
  std::vector<std::string> rkeys(std::uint64_t id, const std::string& collection, const std::string& after = "",
                                 std::size_t max = kAll) {
    std::vector<std::string> out;
    for (const Record& record : queries_->records(RepoId{id}, collection, after, max).value()) {
      out.push_back(record.rkey);
    }
    return out;
  }
  std::vector<outbox::Event> events(std::uint64_t after = 0, std::size_t max = kAll) {
    return queries_->events(EventId{after}, max).value();
  }

  std::vector<outbox::DeadLetter> dead_letters(const std::string& did = "", std::uint64_t after = 0,
                                               std::size_t max = kAll) {
    return queries_->dead_letters(did, EventId{after}, max).value();
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Queries> queries_;
};

}  // namespace tap::store
