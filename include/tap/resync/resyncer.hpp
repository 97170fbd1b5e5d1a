// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/cpu_pool.hpp"
#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/net/http_client.hpp"
#include "tap/outbox/outbox.hpp"
#include "tap/repos/table.hpp"
#include "tap/store/writer.hpp"
#include "tap/verify/filter.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tap::resync {

using repos::RepoId;

struct ResyncOptions {
  std::size_t parallelism = 5;       ///< fetched repos that are checked and written at once
  std::size_t fetches = 100;         ///< transfers under way at once: one that waits holds no worker
  std::size_t fetches_per_host = 4;  ///< of them from one PDS
  std::chrono::milliseconds fetch_timeout{300'000};
  std::chrono::milliseconds fetch_idle{30'000};  ///< between two pieces of a CAR
  std::uint64_t max_car_bytes = std::uint64_t{1} << 30;
  std::string temporary_directory = "/tmp";  ///< for CARs that do not fit in memory
  std::size_t batch_records = 1'000;         ///< record changes of one write
};

struct ResyncParts {
  Executor loop;
  repos::Table& table;
  ledger::Ledger& ledger;
  store::Writer& writer;
  store::Reader& reader;
  outbox::Outbox& outbox;
  identity::Directory& directory;
  net::HttpClient& http;
  async::CpuPool& cpu;
  std::function<void(atproto::Did)> check_handle;  ///< verifies the handle in its own time
  const Clock& clock;
  Jitter& jitter;
  metrics::Registry& metrics;
};

/// Brings repos up to date that are pending, desynchronized or failed before (protocol 8.1, 11.13): fetch, check,
/// compare with the record index, write what differs, and join the live stream. Loop thread only.
///
/// A repo is `resyncing` in memory only, from its claim to its end; a restart finds it as it was. Its live commits are
/// buffered meanwhile and drained in its DID's turn, in the transaction that makes it active. Those that do not fit
/// make it desynchronized, to be fetched again a little later.
///
/// A repo that failed is retried after 2 s doubling to an hour, or, when its PDS or the directory said no, after an
/// hour doubling to a day. A host that answers 429 is left alone for as long as it says, and no repo is charged for it.
/// A host that hangs gets one fetch at a time, then rests. A repo that is fetched on demand again and again waits
/// longer each time, up to half a minute or, when its fetches take long, ten, until an hour was calm. Stored records
/// that the filter does not let through leave the index without an event.
class Resyncer {
 public:
  virtual ~Resyncer() = default;
  /// This repo wants a resync; harmless when it does not, or is known already. At start: every repo that is not active.
  /// One that failed before still waits for the retry time that the database holds.
  virtual void wake(RepoId id) = 0;
  /// The same on demand, without that wait: for whoever knows that something has changed, such as a live commit that
  /// does not fit or an account that is back. It still waits for its host's pause, and after other fetches on demand.
  virtual void retry_now(RepoId id) = 0;
  /// Works until cancelled; what is under way then is given up and found again at the next start. Once.
  [[nodiscard]] virtual Task<void> run() = 0;
};

[[nodiscard]] std::unique_ptr<Resyncer> make_resyncer(ResyncParts parts, verify::Filter filter, ResyncOptions options);

}  // namespace tap::resync
