// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"

#include <cstddef>
#include <deque>
#include <unordered_set>

namespace tap::resync {

/// Verifies handles in their own time, so that neither keys nor fetches wait for DNS (protocol 9.4, 9.5). A DID waits
/// at most once; when the line is full, further ones are dropped: they are checked again with their next #identity or
/// resync. Loop thread only.
class HandleKeeper {
 public:
  HandleKeeper(Executor loop, repos::Table& table, ledger::Ledger& ledger, identity::Directory& directory,
               metrics::Registry& metrics, std::size_t capacity = 100'000);

  void check(atproto::Did did);
  /// One worker; several may run.
  [[nodiscard]] Task<void> run();

 private:
  [[nodiscard]] Task<void> verify(atproto::Did did);

  repos::Table& table_;
  ledger::Ledger& ledger_;
  identity::Directory& directory_;
  std::size_t capacity_;
  std::deque<atproto::Did> line_;
  std::unordered_set<atproto::Did> waiting_;
  async::Event arrival_;
  metrics::Gauge& depth_;
  metrics::Counter& dropped_;
};

}  // namespace tap::resync
