// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"

#include <cstddef>
#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace tap::resync {

/// Verifies handles in their own time, so that neither keys nor fetches wait for DNS (protocol 9.4, 9.5). A DID waits
/// at most once, and is checked by one worker at a time, so that an old answer never comes after a new one. When the
/// line is full, further ones are dropped: they stay expected (Ledger::expect_handle) and are checked at the next
/// start, or with their next #identity or resync. Loop thread only.
class HandleKeeper {
 public:
  HandleKeeper(Executor loop, repos::Table& table, ledger::Ledger& ledger, identity::Directory& directory,
               metrics::Registry& metrics, std::size_t capacity = 100'000);

  void check(atproto::Did did);
  /// One worker; several may run.
  [[nodiscard]] Task<void> run();

 private:
  class Departure;
  [[nodiscard]] Task<void> verify(atproto::Did did);
  [[nodiscard]] bool superseded(const atproto::Did& did) const { return checking_.at(did); }

  repos::Table& table_;
  ledger::Ledger& ledger_;
  identity::Directory& directory_;
  std::size_t capacity_;
  std::deque<atproto::Did> line_;
  std::unordered_set<atproto::Did> waiting_;
  std::unordered_map<atproto::Did, bool> checking_;  // true: asked for again meanwhile
  async::Event arrival_;
  metrics::Gauge& depth_;
  metrics::Counter& dropped_;
};

}  // namespace tap::resync
