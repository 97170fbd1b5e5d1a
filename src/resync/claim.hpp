// SPDX-License-Identifier: MIT
#pragma once

#include "tap/ledger/ledger.hpp"
#include "tap/repos/table.hpp"

#include <utility>

namespace tap::resync {

/// A repo in state resyncing, which is ours alone to change, and whose live events are buffered. Given up unsettled, it
/// is again what it was before. Table and ledger outlive it; loop thread only.
class Claim {
 public:
  /// In the DID's turn, with nothing buffered in the database.
  Claim(repos::Table& table, ledger::Ledger& ledger, repos::RepoId id, atproto::Did did, const repos::Repo& before)
      : table_(&table), ledger_(&ledger), id_(id), did_(std::move(did)), before_(before) {
    table.set_state(id, repos::State::resyncing);
    ledger.reset_buffer(id);
    ledger.note_fetch(id);
  }
  Claim(Claim&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)),
        ledger_(other.ledger_),
        id_(other.id_),
        did_(std::move(other.did_)),
        before_(other.before_) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    // What was buffered meanwhile is the next claim's to drop.
    if (table_ != nullptr && holds()) table_->set_state(id_, before_.state);
  }

  [[nodiscard]] repos::RepoId id() const { return id_; }
  [[nodiscard]] const atproto::Did& did() const { return did_; }
  [[nodiscard]] const repos::Repo& before() const { return before_; }
  /// False once the repo was removed, also when it came back because its removal failed: its work has come to nothing.
  [[nodiscard]] bool holds() const {
    const auto repo = table_->get(id_);
    return repo && repo->state == repos::State::resyncing;
  }
  /// [turn] The database has this state now, and nothing buffered.
  void settle(repos::State state) {
    table_->set_state(id_, state);
    ledger_->reset_buffer(id_);
  }

 private:
  repos::Table* table_;
  ledger::Ledger* ledger_;
  repos::RepoId id_;
  atproto::Did did_;
  repos::Repo before_;
};

}  // namespace tap::resync
