// SPDX-License-Identifier: MIT
#pragma once

#include "tap/repos/table.hpp"

#include <utility>

namespace tap::resync {

/// A repo in state resyncing, which is ours alone to change. Given up unsettled, it is again what it was before. The
/// table outlives it; loop thread only.
class Claim {
 public:
  /// In the DID's turn.
  Claim(repos::Table& table, repos::RepoId id, atproto::Did did, const repos::Repo& before)
      : table_(&table), id_(id), did_(std::move(did)), before_(before) {
    table.set_state(id, repos::State::resyncing);
  }
  Claim(Claim&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)),
        id_(other.id_),
        did_(std::move(other.did_)),
        before_(other.before_) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    if (table_ != nullptr && holds()) table_->set_state(id_, before_.state);
  }

  [[nodiscard]] repos::RepoId id() const { return id_; }
  [[nodiscard]] const atproto::Did& did() const { return did_; }
  [[nodiscard]] const repos::Repo& before() const { return before_; }
  /// False once the repo was removed: then its work has come to nothing.
  [[nodiscard]] bool holds() const {
    const auto repo = table_->get(id_);
    return repo && repo->state == repos::State::resyncing;
  }
  /// [turn] The database has this state now.
  void settle(repos::State state) { table_->set_state(id_, state); }

 private:
  repos::Table* table_;
  repos::RepoId id_;
  atproto::Did did_;
  repos::Repo before_;
};

}  // namespace tap::resync
