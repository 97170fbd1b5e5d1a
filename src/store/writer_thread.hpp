// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/writer.hpp"

#include "store/checkpointer.hpp"
#include "store/condition.hpp"
#include "store/timing.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tap::store {

/// The writing side: a thread that drains its inbox into one transaction, hands back the answers of that transaction in
/// one piece, and folds in between. Its methods are called by the loop.
class WriterThread {
 public:
  using Done = std::move_only_function<void(Result<void>)>;
  enum class Kind : std::uint8_t {
    write,
    flush,  ///< done with the acks handed in before
    fold,   ///< done when what was committed before is folded: of one repo, or all
  };
  struct Request {
    Kind kind{};
    Write write;
    std::optional<RepoId> repo;
    Done done;
    std::size_t bytes = 0;  // of the write
  };
  struct Answer {
    Done done;
    Result<void> result;
  };
  /// What one transaction came to: events first, then answers.
  struct Finished {
    std::vector<outbox::Event> events;
    std::vector<Answer> answers;
    std::optional<Error> superseded = {};  ///< told once
  };

  /// `wake` is called on this thread when there is something to take after there was nothing.
  WriterThread(Store& store, metrics::Registry& metrics, const WriterOptions& options, std::function<void()> wake);
  /// Stops.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  void submit(Request request);
  void ack(std::span<const outbox::EventId> ids);
  [[nodiscard]] std::vector<Finished> take_finished();
  /// Does what was handed in, folds aside, and joins. The last answers can then be taken.
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Batch {
    std::vector<Request> requests;
    std::size_t size = 0;   // events and mutations
    std::size_t bytes = 0;  // of them
    bool stopping = false;
  };
  struct FoldWaiter {
    outbox::EventId target;
    Done done;
  };

  void run() noexcept;
  /// Waits for work: requests, acks that are due, or a fold or clean-up that is.
  [[nodiscard]] Batch next_batch();
  void gather(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::optional<Time> wake_time() const;
  void transact(Batch batch);
  void one_by_one(std::span<const Write> writes, std::vector<Result<outbox::EventId>>& results);
  void apply_acks();
  void acks_are_durable();
  void answer(Request& request, const Result<outbox::EventId>& result, Write write, Finished& finished);
  void start_fold(Request& request, Finished& finished);
  [[nodiscard]] Result<outbox::EventId> apply(std::span<const Write> writes, std::span<const outbox::EventId> acks);
  [[nodiscard]] bool fold_is_due() const;
  void fold_slice(std::size_t size);
  void end_fold_round();
  void answer_folds(const Result<void>& result);
  void tidy(bool idle);
  [[nodiscard]] bool go_on(const Result<bool>& more);
  void hand_over(Finished finished);
  /// Whatever has failed with it.
  void report_superseded(const Error& error);
  void show();

  Store& store_;
  WriterOptions options_;
  std::function<void()> wake_;

  // Shared with the loop.
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> inbox_;
  std::vector<outbox::EventId> inbox_acks_;
  Time acks_since_{};
  bool stopping_ = false;
  std::vector<Finished> finished_;

  // The thread's own.
  std::vector<outbox::EventId> acks_;  // taken from the inbox and not durable
  metrics::Gauge& waiting_acks_;       // these, and those in the inbox
  std::vector<FoldWaiter> fold_waiters_;
  bool folding_ = false;    // a round is under way
  bool sweeping_ = true;    // there may be journal rows that are done with
  bool vacuuming_ = false;  // there may be free space to give back
  bool superseded_ = false;
  Time begun_{};              // the last batch
  std::size_t gathered_ = 0;  // writes that it found in the inbox
  Time unfolded_since_{};     // when the first thing came that is not folded
  Time not_before_{};         // after a failure, acks and folds wait for this
  std::chrono::duration<double> fold_time_{};
  Condition writing_;
  Condition folds_;
  Condition tidying_;
  metrics::Histogram& batch_size_;
  Timing transactions_;
  Timing fold_rounds_;
  Timing sweeps_;
  Timing vacuums_;
  metrics::Gauge& unfolded_;
  metrics::Gauge& dead_letters_;
  std::optional<Checkpointer> checkpointer_;
  std::thread thread_;
};

}  // namespace tap::store
