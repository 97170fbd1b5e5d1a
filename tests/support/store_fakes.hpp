// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/writer.hpp"

#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace tap::test {

/// A database in memory, with the meaning that store/types.hpp gives to each mutation. Tests read it directly.
class FakeDatabase {
 public:
  struct Row {
    atproto::Did did;
    repos::Repo repo;
    store::RepoDetails details;
    std::map<std::pair<std::string, std::string>, atproto::Cid> records;  ///< by collection and rkey, folded ones
    std::vector<store::BufferedCommit> buffered;
  };

  /// All of it, as one transaction; the events it made, with their ids. A mutation that its contract forbids fails the
  /// test.
  std::vector<outbox::Event> apply(store::Write write) {
    for (auto& mutation : write.mutations) {
      std::visit([this](auto& change) { apply_one(change); }, mutation);
    }
    std::vector<outbox::Event> made;
    for (auto& draft : write.events) {
      made.push_back({outbox::EventId{next_event_++}, draft.lane, draft.order, std::move(draft.body)});
    }
    events_.insert(events_.end(), made.begin(), made.end());
    return made;
  }

  void fold() {
    for (const auto& [id, change] : unfolded_) {
      if (Row* row = find(id)) put(*row, change);
    }
    unfolded_.clear();
  }

  void forget(std::span<const outbox::EventId> ids) {
    std::erase_if(events_, [&](const outbox::Event& event) { return std::ranges::find(ids, event.id) != ids.end(); });
  }

  [[nodiscard]] Row* find(repos::RepoId id) {
    const auto found = rows_.find(id);
    return found == rows_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] Row* find(std::string_view did) {
    const auto found = std::ranges::find_if(rows_, [&](const auto& row) { return row.second.did.str() == did; });
    return found == rows_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::size_t repos() const { return rows_.size(); }
  /// Whether commits of this repo are journaled and not in its records yet.
  [[nodiscard]] bool has_unfolded(repos::RepoId id) const {
    return std::ranges::any_of(unfolded_, [&](const auto& change) { return change.first == id; });
  }
  [[nodiscard]] const std::map<repos::RepoId, Row>& rows() const { return rows_; }
  /// "" when there is none.
  [[nodiscard]] std::string cursor(const std::string& kind, const std::string& key) const {
    const auto found = cursors_.find({kind, key});
    return found == cursors_.end() ? "" : found->second;
  }
  [[nodiscard]] const std::map<outbox::EventId, outbox::DeadLetter>& letters() const { return letters_; }
  /// Not acked, in id order.
  [[nodiscard]] const std::vector<outbox::Event>& events() const { return events_; }

 private:
  void apply_one(store::AddRepo& change) {
    if (find(change.did.str()) != nullptr) return;
    rows_.emplace(change.id, Row{std::move(change.did), {}, {}, {}, {}}).first->second.details.handle_due = true;
  }
  void apply_one(store::RemoveRepo& change) {
    rows_.erase(change.id);
    std::erase_if(unfolded_, [&](const auto& journaled) { return journaled.first == change.id; });
  }
  void apply_one(store::AdvanceHead& change) {
    Row* row = find(change.id);
    if (row == nullptr) return;
    row->repo.head = change.head;
    for (auto& record : change.changes) unfolded_.emplace_back(change.id, std::move(record));
  }
  void apply_one(store::SetState& change) {
    EXPECT_NE(change.state, repos::State::resyncing) << "this state lives in memory only";
    if (Row* row = find(change.id)) {
      row->repo.state = change.state;
      row->details.error = std::move(change.error);
      row->details.retries = change.retries;
      row->details.retry_after = change.retry_after;
    }
  }
  void apply_one(store::SetAccount& change) {
    if (Row* row = find(change.id)) row->repo.account = change.account;
  }
  void apply_one(store::ExpectHandle& change) {
    if (Row* row = find(change.id)) row->details.handle_due = true;
  }
  void apply_one(store::SetHandle& change) {
    if (Row* row = find(change.id)) {
      row->details.handle = std::move(change.handle);
      row->details.handle_due = false;
    }
  }
  void apply_one(store::PutRecords& change) {
    EXPECT_FALSE(has_unfolded(change.id)) << "records are put while commits of the repo are unfolded";
    if (Row* row = find(change.id)) {
      for (const auto& record : change.changes) put(*row, record);
    }
  }
  void apply_one(store::SetHead& change) {
    EXPECT_FALSE(has_unfolded(change.id)) << "a head is put while commits of the repo are unfolded";
    if (Row* row = find(change.id)) row->repo.head = change.head;
  }
  void apply_one(store::BufferCommit& change) {
    if (Row* row = find(change.id)) row->buffered.push_back({next_row_++, change.rev, std::move(change.commit)});
  }
  void apply_one(store::DropBuffered& change) {
    if (Row* row = find(change.id)) {
      std::erase_if(row->buffered, [&](const store::BufferedCommit& kept) { return kept.rev <= change.up_to; });
    }
  }
  void apply_one(store::SetAside& change) {
    forget({&change.letter.event.id, 1});
    letters_.try_emplace(change.letter.event.id, std::move(change.letter));
  }
  void apply_one(store::DropDeadLetters& change) {
    for (const outbox::EventId id : change.ids) letters_.erase(id);
  }
  void apply_one(store::SaveCursor& change) {
    cursors_[{std::move(change.kind), std::move(change.key)}] = std::move(change.value);
  }

  static void put(Row& row, const store::RecordChange& change) {
    const std::pair key(change.collection, change.rkey);
    if (change.cid) {
      row.records.insert_or_assign(key, *change.cid);
    } else {
      row.records.erase(key);
    }
  }

  std::map<repos::RepoId, Row> rows_;
  std::map<std::pair<std::string, std::string>, std::string> cursors_;
  std::vector<std::pair<repos::RepoId, store::RecordChange>> unfolded_;
  std::vector<outbox::Event> events_;
  std::map<outbox::EventId, outbox::DeadLetter> letters_;
  std::uint64_t next_event_ = 1;
  std::int64_t next_row_ = 1;
};

/// Writes at once, or when its gate lets it: what waits there is not applied yet. Every write that was applied stands
/// in `writes`.
class FakeWriter final : public store::Writer {
 public:
  FakeWriter(Executor loop, FakeDatabase& database) : gate(std::move(loop)), database_(database) {}

  Gate gate;                         ///< before a write is applied
  std::size_t failures = 0;          ///< so many of the next writes fail, and change nothing
  std::vector<store::Write> writes;  ///< as they were handed in, without failed ones
  std::size_t folds = 0;
  std::size_t attempts = 0;  ///< writes that reached the gate

  [[nodiscard]] Task<Result<void>> commit(store::Write write) override {
    ++attempts;
    if (stopped_) co_return fail(store::Errc::closed);
    co_await gate.pass();
    if (failures > 0) {
      --failures;
      co_return fail(store::Errc::failed, "the test wants it so");
    }
    writes.push_back(write);
    auto made = database_.apply(std::move(write));
    if (inbox_ != nullptr && !made.empty()) inbox_->committed(std::move(made));
    co_return Result<void>{};
  }
  void ack(std::span<const outbox::EventId> ids) override { database_.forget(ids); }
  [[nodiscard]] bool has_room_for_acks() const override { return true; }
  [[nodiscard]] Task<Result<void>> fold() override {
    ++folds;
    co_await gate.pass();
    database_.fold();
    co_return Result<void>{};
  }
  [[nodiscard]] Task<Result<void>> fold_repo(repos::RepoId id) override {
    if (database_.has_unfolded(id)) co_return co_await fold();
    co_return Result<void>{};
  }
  [[nodiscard]] Task<Result<void>> flush() override { co_return Result<void>{}; }
  void connect(outbox::Inbox& inbox) override { inbox_ = &inbox; }
  void stop() override { stopped_ = true; }

  /// The bodies of all events so far, acked ones too, in order.
  [[nodiscard]] std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const auto& write : writes) {
      for (const auto& event : write.events) all.push_back(event.body);
    }
    return all;
  }

 private:
  FakeDatabase& database_;
  outbox::Inbox* inbox_ = nullptr;
  bool stopped_ = false;
};

/// Reads the same database. Answers are taken when the gate lets the question through.
class FakeReader final : public store::Reader {
 public:
  FakeReader(Executor loop, FakeDatabase& database) : gate(std::move(loop)), database_(database) {}

  Gate gate;                 ///< before a query is answered
  std::size_t failures = 0;  ///< so many of the next queries fail

  [[nodiscard]] Task<Result<std::optional<store::RepoDetails>>> details(repos::RepoId id) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    const auto* row = database_.find(id);
    co_return row == nullptr ? std::nullopt : std::optional(row->details);
  }
  [[nodiscard]] Task<Result<std::vector<std::string>>> collections(repos::RepoId id) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    std::vector<std::string> names;
    if (const auto* row = database_.find(id)) {
      for (const auto& [key, cid] : row->records) {
        if (names.empty() || names.back() != key.first) names.push_back(key.first);
      }
    }
    co_return names;
  }
  [[nodiscard]] Task<Result<std::vector<store::Record>>> records(repos::RepoId id, std::string collection,
                                                                 std::string after, std::size_t max) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    std::vector<store::Record> page;
    if (const auto* row = database_.find(id)) {
      for (auto at = row->records.upper_bound({collection, after});
           at != row->records.end() && at->first.first == collection && page.size() < max; ++at) {
        page.push_back({at->first.second, at->second});
      }
    }
    co_return page;
  }
  [[nodiscard]] Task<Result<std::vector<store::BufferedCommit>>> buffered(repos::RepoId id, std::int64_t after,
                                                                          std::size_t max) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    std::vector<store::BufferedCommit> page;
    if (const auto* row = database_.find(id)) {
      for (const auto& kept : row->buffered) {
        if (kept.row > after && page.size() < max) page.push_back(kept);
      }
    }
    co_return page;
  }
  [[nodiscard]] Task<Result<std::uint64_t>> buffered_count() override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    std::uint64_t count = 0;
    for (const auto& [id, row] : database_.rows()) count += row.buffered.size();
    co_return count;
  }
  [[nodiscard]] Task<Result<std::string>> cursor(std::string kind, std::string key) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    co_return database_.cursor(kind, key);
  }
  [[nodiscard]] Task<Result<std::vector<outbox::Event>>> read(outbox::EventId after, std::size_t max) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    std::vector<outbox::Event> page;
    for (const auto& event : database_.events()) {
      if (event.id > after && page.size() < max) page.push_back(event);
    }
    co_return page;
  }
  [[nodiscard]] Task<Result<outbox::LanePage>> read_lane(outbox::LaneKey lane, outbox::EventId first,
                                                         outbox::EventId last, std::size_t max) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    outbox::LanePage page{.events = {}, .next = first};
    for (const auto& event : database_.events()) {
      if (event.id < first || event.id > last || page.events.size() == max) continue;
      if (event.lane == lane) page.events.push_back(event);
      page.next = outbox::EventId{static_cast<std::uint64_t>(event.id) + 1};
    }
    if (page.events.size() < max) page.next = outbox::EventId{static_cast<std::uint64_t>(last) + 1};
    co_return page;
  }
  void acked(std::span<const outbox::EventId> ids) override { database_.forget(ids); }
  [[nodiscard]] Task<Result<void>> set_aside(std::vector<outbox::DeadLetter> letters) override {
    store::Write write;
    for (auto& letter : letters) write.mutations.emplace_back(store::SetAside{std::move(letter)});
    std::ignore = database_.apply(std::move(write));
    co_return Result<void>{};
  }
  [[nodiscard]] Task<Result<std::vector<outbox::DeadLetter>>> dead_letters(std::string did, outbox::EventId after,
                                                                           std::size_t max) override {
    if (auto ready = co_await enter(); !ready) co_return std::unexpected(ready.error());
    std::vector<outbox::DeadLetter> page;
    for (const auto& [id, letter] : database_.letters()) {
      if (id > after && page.size() < max && (did.empty() || letter.did == did)) page.push_back(letter);
    }
    co_return page;
  }
  void stop() override { stopped_ = true; }

 private:
  Task<Result<void>> enter() {
    if (stopped_) co_return fail(store::Errc::closed);
    co_await gate.pass();
    if (failures > 0) {
      --failures;
      co_return fail(store::Errc::failed, "the test wants it so");
    }
    co_return Result<void>{};
  }
  FakeDatabase& database_;
  bool stopped_ = false;
};

}  // namespace tap::test
