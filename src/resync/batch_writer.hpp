// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"
#include "tap/resync/resyncer.hpp"

#include <memory>
#include <optional>

namespace tap::resync {

/// Writes the batches of one repo one after the other, each while the next is being rendered: a write is started and
/// awaited with the one after it. Loop thread only.
class BatchWriter {
 public:
  /// `parts` outlives `group`, which runs the writes.
  BatchWriter(const ResyncParts& parts, async::TaskGroup& group, RepoId id, atproto::Did did);

  /// Resumes when the write before is durable and this one has begun. Errors are those of the write before: the
  /// store's, or removed.
  [[nodiscard]] Task<Result<void>> write(store::Write batch);
  /// Resumes when everything is durable. Always to be awaited at the end, also after an error: a write that is late
  /// must not meet the next resync of its repo.
  [[nodiscard]] Task<Result<void>> finish();

 private:
  struct Job {
    Job(Executor loop, store::Write b) : batch(std::move(b)), done(std::move(loop)) {}
    store::Write batch;
    async::Event done;
    std::optional<Result<void>> result;
  };
  [[nodiscard]] static Task<void> run(const ResyncParts* parts, RepoId id, atproto::Did did, std::shared_ptr<Job> job);
  [[nodiscard]] static Task<Result<void>> perform(const ResyncParts& parts, RepoId id, const atproto::Did& did,
                                                  store::Write batch);
  const ResyncParts& parts_;
  async::TaskGroup& group_;
  RepoId id_;
  atproto::Did did_;
  std::shared_ptr<Job> job_;  // shared with the coroutine that performs it
};

}  // namespace tap::resync
