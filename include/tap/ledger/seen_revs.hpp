// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/identifiers.hpp"
#include "tap/repos/state.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace tap::ledger {

/// The highest rev that the firehose showed of each repo that waits to be fetched, or is being fetched. A PDS that
/// answers from a stale copy would else make the repo active at a commit that was left behind already, until the next
/// commit of its owner shows it. In memory only: after a restart such a repo is behind as long as it is quiet. Loop
/// thread only.
class SeenRevs {
 public:
  /// Of more repos than `capacity` nothing is remembered: they are taken as they come. Some 50 bytes a repo.
  explicit SeenRevs(std::size_t capacity = 250'000) : capacity_(capacity) {}

  void saw(repos::RepoId id, atproto::Tid rev);

  enum class Verdict : std::uint8_t {
    current,   ///< at least what was seen
    behind,    ///< older: worth another fetch
    hopeless,  ///< older the fourth time: whoever serves it will not do better
  };
  /// A fetch brought this rev; counts those that are behind.
  [[nodiscard]] Verdict fetched(repos::RepoId id, atproto::Tid rev);
  /// It is active, or gone.
  void forget(repos::RepoId id) { seen_.erase(id); }
  [[nodiscard]] std::size_t size() const { return seen_.size(); }

 private:
  struct Seen {
    atproto::Tid rev;
    std::uint32_t in_vain = 0;  // fetches
  };
  std::size_t capacity_;
  std::unordered_map<repos::RepoId, Seen> seen_;
};

}  // namespace tap::ledger
