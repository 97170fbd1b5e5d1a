// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace tap::store {

/// An engine that says where it stands: before everything that it is asked to do, and once more behind what ends a
/// transaction. Whoever listens may kill the process there.
class KillingEngine final : public Engine {
 public:
  using Point = std::function<void(std::string_view name)>;
  KillingEngine(std::unique_ptr<Engine> engine, Point point) : engine_(std::move(engine)), point_(std::move(point)) {}

  Result<void> transact(const std::function<Result<void>()>& work) override {
    point_("before a transaction");
    auto done = engine_->transact([&] {
      auto worked = work();
      point_("before a commit");
      return worked;
    });
    point_("behind a commit");
    return done;
  }
  Result<outbox::EventId> append(JournalWriter& journal, Counters& counters) override {
    point_("append");
    return engine_->append(journal, counters);
  }
  Result<void> append_changes(JournalWriter& journal, Counters& counters) override {
    point_("append changes");
    return engine_->append_changes(journal, counters);
  }
  Result<void> acknowledge(std::span<const outbox::EventId> ids, const Counters& counters) override {
    point_("acknowledge");
    return engine_->acknowledge(ids, counters);
  }
  Result<void> save_counters(const Counters& before, const Counters& now) override {
    point_("save counters");
    return engine_->save_counters(before, now);
  }
  Result<void> apply(const Mutation& mutation) override {
    point_(std::holds_alternative<SaveCursor>(mutation) ? "save cursor" : "apply");
    return engine_->apply(mutation);
  }
  Result<void> fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections) override {
    point_("fold");
    return engine_->fold(repos, collections);
  }
  Result<void> release_changes(outbox::EventId before, outbox::EventId now) override {
    point_("release changes");
    return engine_->release_changes(before, now);
  }
  Result<std::uint64_t> set_aside(const outbox::DeadLetter& letter) override {
    point_("set aside");
    return engine_->set_aside(letter);
  }
  Result<std::uint64_t> drop_dead_letters(std::span<const outbox::EventId> ids) override {
    point_("drop dead letters");
    return engine_->drop_dead_letters(ids);
  }
  Result<Counters> read_counters() override { return engine_->read_counters(); }
  Result<void> each_repo(const std::function<void(RepoRow&)>& sink) override { return engine_->each_repo(sink); }
  Result<void> each_change(outbox::EventId from, const ChangeVisitor& visit) override {
    return engine_->each_change(from, visit);
  }
  Result<std::uint64_t> undelivered() override { return engine_->undelivered(); }
  Result<bool> sweep(const Counters& counters) override {
    point_("before a sweep");
    auto more = engine_->sweep(counters);
    point_("behind a sweep");
    return more;
  }
  Result<bool> vacuum() override { return engine_->vacuum(); }
  std::uint64_t log_bytes() const override { return engine_->log_bytes(); }
  Result<void> checkpoint() override {
    point_("before a checkpoint");
    auto done = engine_->checkpoint();
    point_("behind a checkpoint");
    return done;
  }
  Result<std::unique_ptr<Queries>> queries() override { return engine_->queries(); }
  Result<void> loaded() override { return engine_->loaded(); }
  void stop_waiting() override { engine_->stop_waiting(); }

 private:
  std::unique_ptr<Engine> engine_;
  Point point_;
};

}  // namespace tap::store
