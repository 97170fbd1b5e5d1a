// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"
#include "tap/outbox/outbox.hpp"
#include "tap/store/store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace tap::store {

/// The only door for writes. Its thread drains the inbox into one transaction and then answers everybody: batches form
/// by themselves exactly when load is high. Called on the loop thread only.
class Writer {
 public:
  virtual ~Writer() = default;
  /// Resumes once the write is durable and the outbox has heard of its events. A transaction that fails is rolled back
  /// and its members run one by one, so that one bad member does not fail its neighbours; not while another process
  /// holds the database, which fails all of them with Errc::busy. Waits when the inbox is full.
  /// A caller that is cancelled in this wait has written nothing; an accepted write cannot be cancelled: its caller
  /// hears the answer first, so that what it keeps in memory stays in step.
  [[nodiscard]] virtual Task<Result<void>> commit(Write write) = 0;
  /// Acks join the next transaction, at the latest after 200 ms. They are taken also when nothing can be written.
  virtual void ack(std::span<const outbox::EventId> ids) = 0;
  /// False while too many acks wait for a transaction that succeeds: no more events are to be given to consumers.
  [[nodiscard]] virtual bool has_room_for_acks() const = 0;
  /// Resumes once everything committed before is in the tables.
  [[nodiscard]] virtual Task<Result<void>> fold() = 0;
  /// The same for one repo: at once when nothing of it is unfolded, as is the rule for a repo that waits for its
  /// resync.
  [[nodiscard]] virtual Task<Result<void>> fold_repo(RepoId id) = 0;
  /// Resumes once everything handed in before, acks included, is durable.
  [[nodiscard]] virtual Task<Result<void>> flush() = 0;
  /// Names whom to tell of committed events. Once, before the first commit.
  virtual void connect(outbox::Inbox& inbox) = 0;
  /// Everything handed in is durable or failed, then joined. Further commits fail with Errc::closed. Blocks the loop
  /// for the inbox's last transactions. Answers are given before it returns.
  virtual void stop() = 0;
};

struct WriterOptions {
  std::size_t inbox = 10'000;        ///< writes waiting
  std::size_t acks = 1'000'000;      ///< waiting; from here on no more events are read
  std::size_t batch_events = 5'000;  ///< events and mutations of one transaction
  /// Of its events, and of what is kept for a repo that is being fetched; a larger write goes alone. A transaction
  /// takes its length once more.
  std::size_t batch_bytes = std::size_t{32} << 20;
  std::chrono::milliseconds gather{1};  ///< between the begins of two transactions, where many writes come
  FoldOptions fold;
  std::chrono::milliseconds ack_delay{200};                  ///< acks wait so long for a transaction to join
  std::uint64_t checkpoint_bytes = std::uint64_t{16} << 20;  ///< of log: copied into the database in the background
  std::uint64_t max_log_bytes = std::uint64_t{256} << 20;    ///< of log: from here on commits wait for that
  std::function<void(const Error&)> on_superseded = {};      ///< called once, on the loop, at Errc::superseded
};
[[nodiscard]] std::unique_ptr<Writer> make_writer(Executor loop, Store& store, metrics::Registry& metrics,
                                                  WriterOptions options = {});

/// Queries off the loop, on a thread of its own; also the outbox's Journal. Loop thread only. Not cancellable: queries
/// are short.
class Reader : public outbox::Journal {
 public:
  [[nodiscard]] virtual Task<Result<std::optional<RepoDetails>>> details(RepoId id) = 0;
  [[nodiscard]] virtual Task<Result<std::vector<std::string>>> collections(RepoId id) = 0;
  [[nodiscard]] virtual Task<Result<std::vector<Record>>> records(RepoId id, std::string collection, std::string after,
                                                                  std::size_t max) = 0;
  [[nodiscard]] virtual Task<Result<std::vector<BufferedCommit>>> buffered(RepoId id, std::int64_t after,
                                                                           std::size_t max) = 0;
  [[nodiscard]] virtual Task<Result<std::uint64_t>> buffered_count() = 0;
  [[nodiscard]] virtual Task<Result<std::string>> cursor(std::string kind, std::string key) = 0;
  [[nodiscard]] virtual Task<Result<std::vector<outbox::DeadLetter>>> dead_letters(std::string did,
                                                                                   outbox::EventId after,
                                                                                   std::size_t max) = 0;
  /// Later queries fail with Errc::closed. The threads end with the object, once the loop has run to its end.
  virtual void stop() = 0;
};
/// acked() and set_aside() go to the writer. While that has no room for acks, read() and read_lane() fail with
/// Errc::busy.
[[nodiscard]] Result<std::unique_ptr<Reader>> make_reader(Executor loop, Store& store, Writer& writer,
                                                          metrics::Registry& metrics);

}  // namespace tap::store
