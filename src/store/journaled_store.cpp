// SPDX-License-Identifier: MIT
#include "store/journaled_store.hpp"

#include "store/folder.hpp"

#include <algorithm>
#include <unordered_map>

namespace tap::store {
namespace {

class JournaledStore final : public Store {
 public:
  explicit JournaledStore(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  /// Reads back where the database stands, when that is not known: after opening, and when a rollback has undone a
  /// fold.
  Result<void> recover() {
    if (!stale_) return {};
    auto counters = engine_->read_counters();
    if (!counters) return std::unexpected(counters.error());
    auto scanned = folder_.rescan(*counters);
    if (!scanned) return scanned;
    counters_ = *counters;
    stale_ = false;
    return {};
  }

  Result<void> load_repos(const std::function<void(const RepoRow&)>& sink) override {
    std::unordered_map<RepoId, repos::Head> unfolded;
    auto done = engine_->each_change(counters_.folded, [&](outbox::EventId, std::span<const AdvanceHead> changes) {
      for (const AdvanceHead& change : changes) unfolded.insert_or_assign(change.id, change.head);
      return true;
    });
    if (!done) return done;
    done = engine_->each_repo([&](RepoRow& row) {
      if (const auto head = unfolded.find(row.id); head != unfolded.end()) row.repo.head = head->second;
      sink(row);
    });
    return done ? engine_->loaded() : done;
  }
  Result<RepoId> last_repo() override { return counters_.last_repo; }
  Result<std::uint64_t> undelivered() override { return engine_->undelivered(); }

  Result<outbox::EventId> apply(std::span<const Write> writes, std::span<const outbox::EventId> acked) override {
    auto first = apply_once(writes, acked);
    // A connection may have been lost long ago, which only shows when it is used.
    if (!first && first.error() == Errc::unavailable) first = apply_once(writes, acked);
    return first;
  }

  Result<void> fold() override {
    const auto target = counters_.next_event;
    while (counters_.folded < target) {
      if (auto done = fold_slice(kFoldSlice); !done) return done;
    }
    for (;;) {
      auto more = sweep();
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
    }
  }
  Result<void> fold_slice(std::size_t max) override {
    auto ready = recover();
    return ready ? folder_.slice(counters_, max) : ready;
  }
  std::size_t unfolded() const override { return counters_.unfolded; }
  bool has_unfolded(RepoId id) const override { return stale_ || folder_.touches(id); }
  outbox::EventId folded() const override { return counters_.folded; }
  outbox::EventId next_event() const override { return counters_.next_event; }
  std::uint64_t dead_letters() const override { return counters_.dead_letters; }

  Result<bool> sweep() override { return engine_->sweep(counters_); }
  Result<bool> vacuum() override { return engine_->vacuum(); }
  std::uint64_t log_bytes() const override { return engine_->log_bytes(); }
  Result<void> checkpoint() override { return engine_->checkpoint(); }
  Result<std::unique_ptr<Queries>> queries() override { return engine_->queries(); }
  void stop_waiting() override { engine_->stop_waiting(); }

 private:
  static constexpr std::size_t kFoldSlice = 10'000;

  Result<outbox::EventId> apply_once(std::span<const Write> writes, std::span<const outbox::EventId> acked) {
    if (auto ready = recover(); !ready) return std::unexpected(ready.error());
    const Counters before = counters_;
    folder_.watch();
    outbox::EventId first{};
    auto done = engine_->transact([&]() -> Result<void> {
      auto written = write(writes, acked);
      if (!written) return std::unexpected(written.error());
      first = *written;
      return engine_->save_counters(before, counters_);
    });
    if (done) return first;
    counters_ = before;
    stale_ = folder_.watched_fold();
    if (auto recovered = recover(); !recovered) return std::unexpected(recovered.error());
    return std::unexpected(done.error());
  }

  Result<outbox::EventId> write(std::span<const Write> writes, std::span<const outbox::EventId> acked) {
    JournalWriter journal;
    for (const Write& write : writes) {
      for (const Mutation& mutation : write.mutations) {
        if (auto done = apply_one(mutation, journal); !done) return std::unexpected(done.error());
      }
      for (const outbox::Draft& event : write.events) journal.add(event);
    }
    auto first = engine_->append(journal, counters_);
    if (!first) return first;
    if (auto done = engine_->acknowledge(acked, counters_); !done) return std::unexpected(done.error());
    return first;
  }

  Result<void> apply_one(const Mutation& mutation, JournalWriter& journal) {
    if (const auto* advance = std::get_if<AdvanceHead>(&mutation)) {
      journal.add(*advance);
      folder_.note(advance->id);
      counters_.unfolded += 1;
      return {};
    }
    if (const auto* aside = std::get_if<SetAside>(&mutation)) {
      auto added = engine_->set_aside(aside->letter);
      if (!added) return std::unexpected(added.error());
      counters_.dead_letters += *added;
      return engine_->acknowledge({&aside->letter.event.id, 1}, counters_);
    }
    if (const auto* drop = std::get_if<DropDeadLetters>(&mutation)) {
      auto dropped = engine_->drop_dead_letters(drop->ids);
      if (!dropped) return std::unexpected(dropped.error());
      counters_.dead_letters -= *dropped;
      return {};
    }
    if (const auto* add = std::get_if<AddRepo>(&mutation)) {
      counters_.last_repo = std::max(counters_.last_repo, add->id);
    } else if (const auto* put = std::get_if<PutRecords>(&mutation)) {
      if (auto done = bring_forward(put->id, journal); !done) return done;
    } else if (const auto* set = std::get_if<SetHead>(&mutation)) {
      if (auto done = bring_forward(set->id, journal); !done) return done;
    }
    return engine_->apply(mutation);
  }

  /// Before a direct write: a later fold must not overwrite it with something older, so what is journaled comes first.
  Result<void> bring_forward(RepoId id, JournalWriter& journal) {
    if (!folder_.touches(id)) return {};
    auto done = engine_->append_changes(journal, counters_);
    return done ? folder_.fold_within(counters_) : done;
  }

  std::unique_ptr<Engine> engine_;
  Folder folder_{*engine_};
  Counters counters_;
  bool stale_ = true;  // counters_ and folder_ are not known to be what the database says
};

}  // namespace

Result<std::unique_ptr<Store>> make_journaled_store(std::unique_ptr<Engine> engine) {
  auto store = std::make_unique<JournaledStore>(std::move(engine));
  if (auto recovered = store->recover(); !recovered) return std::unexpected(recovered.error());
  return store;
}

}  // namespace tap::store
