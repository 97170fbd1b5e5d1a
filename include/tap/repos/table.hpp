// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/repos/state.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace tap::repos {

/// Every tracked repo, packed: at most 100 bytes of resident memory a repo. A look-up is one hash and about one cache
/// miss. Loop thread only. Holds what is durable or about to be: callers change it after their write is committed.
class Table {
 public:
  Table();
  ~Table();

  /// Look-up by DID text; empty when not tracked. This is all that an untracked firehose event costs.
  [[nodiscard]] std::optional<RepoId> find(std::string_view did) const;
  [[nodiscard]] bool contains(RepoId id) const;
  /// The repo, or empty when it was removed: a RepoId of the past never comes back, so late work finds nothing.
  [[nodiscard]] std::optional<Repo> get(RepoId id) const;
  [[nodiscard]] std::optional<atproto::Did> did(RepoId id) const;

  /// A new id, above every id handed out or loaded before.
  [[nodiscard]] RepoId allocate();
  /// Ids up to this one are taken, also those of repos that are gone (Store::last_repo).
  void reserve(RepoId up_to);
  /// Inserts; false when the DID or the id is already there (nothing changes).
  bool add(RepoId id, const atproto::Did& did, const Repo& repo);
  bool remove(RepoId id);
  bool set_head(RepoId id, const Head& head);
  bool set_state(RepoId id, State state);
  bool set_account(RepoId id, Account account);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t count(State state) const;
  /// Sum of record counts, kept.
  [[nodiscard]] std::uint64_t records() const;
  /// Visits all, in no particular order; the visitor must not change the table.
  void each(const std::function<void(RepoId, const Repo&)>& visit) const;
  /// Bytes of memory held, about.
  [[nodiscard]] std::size_t memory() const;

 private:
  struct Packed;
  std::unique_ptr<Packed> packed_;
};

}  // namespace tap::repos
