// SPDX-License-Identifier: MIT
#include "resync/batch_writer.hpp"

#include "tap/resync/error.hpp"

#include <utility>

namespace tap::resync {

BatchWriter::BatchWriter(const ResyncParts& parts, async::TaskGroup& group, RepoId id, atproto::Did did)
    : parts_(parts), group_(group), id_(id), did_(std::move(did)) {}

Task<Result<void>> BatchWriter::write(store::Write batch) {
  auto before = co_await finish();
  if (!before) co_return before;
  job_ = std::make_shared<Job>(parts_.loop, std::move(batch));
  group_.spawn("resync batch", run(&parts_, id_, did_, job_));
  co_return before;
}

Task<Result<void>> BatchWriter::finish() {
  const auto job = std::exchange(job_, nullptr);
  if (!job) co_return Result<void>{};
  while (!job->result) co_await job->done.wait();
  co_return *job->result;
}

Task<void> BatchWriter::run(const ResyncParts* parts, RepoId id, atproto::Did did, std::shared_ptr<Job> job) {
  // Whoever waits is told also when a bug ends it; the exception itself goes to the group.
  struct End {
    Job& job;
    ~End() {
      if (!job.result) job.result = fail(store::Errc::failed, "the write was given up");
      job.done.notify_all();
    }
  } end{*job};
  job->result = co_await perform(*parts, id, did, std::move(job->batch));
}

Task<Result<void>> BatchWriter::perform(const ResyncParts& parts, RepoId id, const atproto::Did& did,
                                        store::Write batch) {
  // Back pressure from the consumers; no deadline, for they may be away for days.
  co_await parts.outbox.wait_for_room();
  // In turn: no removal comes between the look and the write.
  auto turn = parts.ledger.turn_of(did.str());
  co_await turn.turn();
  const auto repo = parts.table.get(id);
  if (!repo || repo->state != repos::State::resyncing) co_return fail(Errc::removed);
  co_return co_await parts.writer.commit(std::move(batch));
}

}  // namespace tap::resync
