// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "store/fold.hpp"
#include "store/journal.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tap::store {

/// Where the store stands. Kept in memory, saved with each transaction that moves it.
struct Counters {
  outbox::EventId next_event{1};   ///< the next free id
  outbox::EventId folded{1};       ///< journal rows before this one are in the tables
  RepoId last_repo{};              ///< the highest ever added
  std::size_t unfolded = 0;        ///< commits journaled and not folded; counted on open, not saved
  std::uint64_t dead_letters = 0;  ///< likewise
};

constexpr outbox::EventId after(outbox::EventId id, std::uint64_t count = 1) {
  return outbox::EventId{static_cast<std::uint64_t>(id) + count};
}

/// Hands a change to `apply`, which takes those that go to the tables directly, and no others.
template <class Apply>
[[nodiscard]] Result<void> apply_change(const Mutation& mutation, Apply apply) {
  return std::visit(
      [&]<class Change>(const Change& change) -> Result<void> {
        if constexpr (requires { apply(change); }) {
          return apply(change);
        } else {
          return fail(Errc::failed, "not a change of the tables");
        }
      },
      mutation);
}

/// What a kind of database does for JournaledStore, which knows what a journal and a fold are. One thread at a time,
/// but where something else is said.
class Engine {
 public:
  using ChangeVisitor = std::function<bool(outbox::EventId row, std::span<const AdvanceHead>)>;
  virtual ~Engine() = default;

  /// Runs `work` in one transaction; when either fails, nothing of it was done, and what was looked up in it is
  /// forgotten.
  [[nodiscard]] virtual Result<void> transact(const std::function<Result<void>()>& work) = 0;

  // Inside a transaction.

  /// Appends the events and changes, counting up counters.next_event. A row's id is that of its first event; a row
  /// without events takes an id all the same. Gives the id of the first event, or the next free one when there are
  /// none.
  [[nodiscard]] virtual Result<outbox::EventId> append(JournalWriter& journal, Counters& counters) = 0;
  /// Only the changes, so that they can be folded; the events stay in `journal`.
  [[nodiscard]] virtual Result<void> append_changes(JournalWriter& journal, Counters& counters) = 0;
  /// Marks events as done with. Unknown ids are harmless.
  [[nodiscard]] virtual Result<void> acknowledge(std::span<const outbox::EventId> ids, const Counters& counters) = 0;
  [[nodiscard]] virtual Result<void> save_counters(const Counters& before, const Counters& now) = 0;
  /// One of the changes that go to the tables directly.
  [[nodiscard]] virtual Result<void> apply(const Mutation& mutation) = 0;
  /// What the journal says of these repos, in id order; of those that were removed nothing.
  [[nodiscard]] virtual Result<void> fold(std::span<const FoldPlan::Repo> repos,
                                          const std::vector<std::string>& collections) = 0;
  /// The mark moves: rows of changes from `before` to `now` are needed no more.
  [[nodiscard]] virtual Result<void> release_changes(outbox::EventId before, outbox::EventId now) = 0;
  /// These say how many rows they changed.
  [[nodiscard]] virtual Result<std::uint64_t> set_aside(const outbox::DeadLetter& letter) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> drop_dead_letters(std::span<const outbox::EventId> ids) = 0;

  // Inside one or not.

  /// Saved and counted, but for `unfolded`.
  [[nodiscard]] virtual Result<Counters> read_counters() = 0;
  /// Every repo, in id order, without what is not folded.
  [[nodiscard]] virtual Result<void> each_repo(const std::function<void(RepoRow&)>& sink) = 0;
  /// Visits the changes of each row from this one on, until `visit` says no.
  [[nodiscard]] virtual Result<void> each_change(outbox::EventId from, const ChangeVisitor& visit) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> undelivered() = 0;

  // As Store says.

  [[nodiscard]] virtual Result<bool> sweep(const Counters& counters) = 0;
  [[nodiscard]] virtual Result<bool> vacuum() = 0;
  [[nodiscard]] virtual std::uint64_t log_bytes() const = 0;
  [[nodiscard]] virtual Result<void> checkpoint() = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Queries>> queries() = 0;
  /// The repos are loaded: from now on it is work as usual.
  [[nodiscard]] virtual Result<void> loaded() { return {}; }
  virtual void stop_waiting() {}
};

/// As open_store(), which puts a JournaledStore on it.
[[nodiscard]] Result<std::unique_ptr<Engine>> open_engine(const std::string& url, const StoreOptions& options = {});

}  // namespace tap::store
