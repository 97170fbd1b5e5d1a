// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/cpu_pool.hpp"
#include "tap/async/task_group.hpp"
#include "tap/atproto/event.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/firehose/low_water.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/verify/filter.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tap::firehose {

struct ProcessorOptions {
  std::size_t events_in_flight = 4'096;                  ///< tracked events between frame and database
  std::size_t bytes_in_flight = std::size_t{128} << 20;  ///< their frames together
  std::size_t events_per_repo = 1'024;                   ///< waiting; with more its repo is fetched instead
  std::chrono::milliseconds retry_unit{100};             ///< pauses double from here to a hundred units, and jitter
  /// For the directory of did:plc, which is the operator's choice; the host of a did:web is not waited for.
  std::chrono::milliseconds directory_patience{600'000};
};

/// Which repos are followed without being named, once an event of theirs was verified.
struct Interest {
  bool network = false;                       ///< all
  std::vector<std::string> collections = {};  ///< those that put a record into one of these, patterns as verify::Filter
};

/// What the processor needs of the rest.
struct ProcessorParts {
  Executor loop;
  repos::Table& table;
  ledger::Ledger& ledger;
  identity::Directory& directory;
  std::function<void(atproto::Did)> check_handle;  ///< verifies the handle in its own time
  async::CpuPool& cpu;
  const Clock& clock;
  Jitter& jitter;
  metrics::Registry& metrics;
  /// An event's work ended with an exception, which is a bug: the cursor stands still before that event for ever. The
  /// process is to end, and to meet the event again at its next start.
  async::TaskGroup::FailureHandler on_failure;
};

/// Does what each event asks for: events of one DID in their order, those of different DIDs at once; a seq is done when
/// what it asks for is durable. Local trouble is retried, never passed over: the database for ever, the
/// directory for as long as `directory_patience`, then the repo is marked to be fetched. Events whose key only the host
/// of a did:web has take an eighth of the room; for want of it, or when too many of one repo wait, the repo is marked
/// at once, and of its #identity and #account events the last of each is kept. Loop thread only.
class Processor {
 public:
  virtual ~Processor() = default;
  /// Takes a frame; untracked ones end here, at the cost of one look-up, unless they are of interest. The view is not
  /// kept. Frames come in seq order.
  virtual void accept(const atproto::FrameHead& head, ByteView frame) = 0;
  /// A frame that could not even be routed: counted, its seq (if any) passed.
  virtual void refuse(const Error& error) = 0;
  /// Waits while too much is in flight.
  [[nodiscard]] virtual Task<void> wait_for_room() = 0;
  [[nodiscard]] virtual bool has_room() const = 0;
  /// What the cursor may say.
  [[nodiscard]] virtual const LowWater& low_water() const = 0;
  /// Where the stream starts, or goes on under other seqs (0: not known yet). Resumes when nothing of before is in
  /// flight; no frame is to come meanwhile.
  [[nodiscard]] virtual Task<void> start_at(std::int64_t cursor) = 0;
  /// Resumes when no event of a tracked repo is in flight.
  [[nodiscard]] virtual Task<void> drain() = 0;
  /// Gives up what is in flight: it will be replayed from the cursor.
  [[nodiscard]] virtual Task<void> stop() = 0;
};

[[nodiscard]] std::unique_ptr<Processor> make_processor(ProcessorParts parts, verify::Filter filter,
                                                        Interest interest = {}, ProcessorOptions options = {});

}  // namespace tap::firehose
