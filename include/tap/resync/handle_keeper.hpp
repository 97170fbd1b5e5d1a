// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/base/clock.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace tap::resync {

class HandleRetries;

/// Verifies handles in their own time, so that neither keys nor fetches wait for DNS (protocol 9.4, 9.5). A DID waits
/// at most once, and is checked by one worker at a time, so that an old answer never comes after a new one. A check
/// that fails in passing is repeated after a minute, doubling to six hours; those for which the line is full follow
/// within hours. Until then, and across a restart, they stay expected (Ledger::expect_handle). Loop thread only.
class HandleKeeper {
 public:
  HandleKeeper(Executor loop, repos::Table& table, ledger::Ledger& ledger, identity::Directory& directory,
               const Clock& clock, Jitter& jitter, metrics::Registry& metrics, std::size_t capacity = 100'000);
  ~HandleKeeper();

  void check(atproto::Did did);
  /// One worker; several may run.
  [[nodiscard]] Task<void> run();

 private:
  class Departure;
  /// Whose turn it is: the first in line, or one that is due again, by turns while there are both.
  [[nodiscard]] std::optional<atproto::Did> next();
  [[nodiscard]] std::optional<atproto::Did> first_in_line();
  [[nodiscard]] std::optional<atproto::Did> due_again();
  [[nodiscard]] Task<void> wait();
  [[nodiscard]] Task<void> check_now(atproto::Did did);
  /// False when it is worth another try.
  [[nodiscard]] Task<bool> verify(repos::RepoId id, atproto::Did did);
  [[nodiscard]] bool superseded(const atproto::Did& did) const { return checking_.at(did); }
  void show() const;

  repos::Table& table_;
  ledger::Ledger& ledger_;
  identity::Directory& directory_;
  const Clock& clock_;
  Jitter& jitter_;
  std::size_t capacity_;
  std::deque<atproto::Did> line_;
  std::unordered_set<atproto::Did> waiting_;
  std::unordered_map<atproto::Did, bool> checking_;  // true: asked for again meanwhile
  std::unique_ptr<HandleRetries> retries_;
  bool retry_was_last_ = false;
  async::Event arrival_;
  metrics::Gauge& depth_;
  metrics::Gauge& retrying_;
  metrics::Counter& put_off_;
};

}  // namespace tap::resync
