// SPDX-License-Identifier: MIT
#include "store/writer_thread.hpp"

#include "tap/base/thread.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace tap::store {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr log::Logger kLog("store");
/// Record changes of a fold between two transactions: some 20 ms.
constexpr std::size_t kFoldSlice = 2'000;
constexpr auto kRetry = 1s;
/// Writes that came since the last transaction began, some 0.1 ms ago: a busy time.
constexpr std::size_t kMany = 4;

const std::vector<double> kSizes = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000};

/// Whether one member of a transaction may have failed it. A database that others hold refuses each of them alike, and
/// every try waits for it.
bool may_be_of_one(const Error& error) { return error != Errc::busy; }

metrics::Counter& failures(metrics::Registry& metrics, const char* what) {
  return metrics.counter("tap_store_failures_total", "Database work that failed", {{"what", what}});
}

/// Of what may be long.
std::size_t bytes_of(const Write& write) {
  std::size_t bytes = 0;
  for (const outbox::Draft& event : write.events) bytes += event.body.size();
  for (const Mutation& mutation : write.mutations) {
    if (const auto* kept = std::get_if<BufferCommit>(&mutation)) bytes += kept->commit.size();
  }
  return bytes;
}

}  // namespace

WriterThread::WriterThread(Store& store, metrics::Registry& metrics, const WriterOptions& options,
                           std::function<void()> wake)
    : store_(store),
      options_(options),
      wake_(std::move(wake)),
      waiting_acks_(metrics.queue("store_acks", options.acks)),
      unfolded_since_(Clock::now()),
      writing_(kLog, "writing to the database", failures(metrics, "transaction")),
      folds_(kLog, "fold of the journal", failures(metrics, "fold")),
      tidying_(kLog, "clearing up the database", failures(metrics, "sweep")),
      batch_size_(metrics.histogram("tap_store_batch_size", "Writes of a transaction", kSizes)),
      transactions_(metrics, "transaction"),
      fold_rounds_(metrics, "fold"),
      sweeps_(metrics, "sweep"),
      vacuums_(metrics, "vacuum"),
      unfolded_(metrics.gauge("tap_store_unfolded_commits", "Commits in the journal that are not in the tables")),
      dead_letters_(metrics.gauge("tap_dead_letters", "Events set aside: no consumer took them")) {
  checkpointer_.emplace(store, metrics, options.checkpoint_bytes, options.max_log_bytes);
  show();
  thread_ = std::thread([this] {
    name_this_thread("tap-writer");
    run();
  });
}

WriterThread::~WriterThread() { stop(); }

void WriterThread::submit(Request request) {
  request.bytes = bytes_of(request.write);
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(request));
    if (inbox_.size() > 1) return;
  }
  arrived_.notify_one();
}

void WriterThread::ack(std::span<const outbox::EventId> ids) {
  if (ids.empty()) return;
  waiting_acks_.add(static_cast<std::int64_t>(ids.size()));
  {
    const std::lock_guard lock(mutex_);
    const bool first = inbox_acks_.empty();
    inbox_acks_.insert(inbox_acks_.end(), ids.begin(), ids.end());
    if (!first) return;
    acks_since_ = Clock::now();
  }
  arrived_.notify_one();  // so that it knows when to wake up
}

std::vector<WriterThread::Finished> WriterThread::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

void WriterThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  store_.stop_waiting();
  thread_.join();
  checkpointer_.reset();
}

void WriterThread::run() noexcept {
  for (;;) {
    Batch batch = next_batch();
    const bool stopping = batch.stopping;
    const bool idle = batch.requests.empty();
    const std::size_t size = batch.size;
    transact(std::move(batch));
    if (stopping && idle) break;
    if (fold_is_due()) fold_slice(std::max(kFoldSlice, 2 * size));
    tidy(idle);
    show();
  }
  answer_folds(fail(Errc::closed));
}

WriterThread::Batch WriterThread::next_batch() {
  std::unique_lock lock(mutex_);
  while (inbox_.empty() && !stopping_) {
    const auto until = wake_time();
    if (until && *until <= Clock::now()) break;
    if (until) {
      arrived_.wait_until(lock, *until);
    } else {
      arrived_.wait(lock);
    }
  }
  gather(lock);
  Batch batch;
  batch.stopping = stopping_;
  while (!inbox_.empty() && batch.size < options_.batch_events) {
    Request& request = inbox_.front();
    if (!batch.requests.empty() && batch.bytes + request.bytes > options_.batch_bytes) break;
    batch.bytes += request.bytes;
    batch.size += 1 + request.write.mutations.size() + request.write.events.size();
    batch.requests.push_back(std::move(request));
    inbox_.pop_front();
  }
  acks_.insert(acks_.end(), inbox_acks_.begin(), inbox_acks_.end());
  inbox_acks_.clear();
  return batch;
}

/// What a transaction costs is its pages rather than its rows. So where many writes come, they wait for one another;
/// one that comes alone does not.
void WriterThread::gather(std::unique_lock<std::mutex>& lock) {
  if (gathered_ >= kMany) arrived_.wait_until(lock, begun_ + options_.gather, [this] { return stopping_; });
  begun_ = Clock::now();
  gathered_ = inbox_.size();
}

/// Under the lock.
std::optional<WriterThread::Time> WriterThread::wake_time() const {
  std::optional<Time> when;
  const auto at = [&](Time time) { when = when ? std::min(*when, time) : time; };
  if (!inbox_acks_.empty()) at(acks_since_ + options_.ack_delay);
  if (!acks_.empty()) at(Time());
  if (folding_) at(Time());
  if (store_.folded() != store_.next_event()) at(unfolded_since_ + options_.fold.age);
  if (when) when = std::max(*when, not_before_);
  if (sweeping_ || vacuuming_ || !fold_waiters_.empty()) at(Time());
  return when;
}

void WriterThread::transact(Batch batch) {
  std::vector<Write> writes;
  writes.reserve(batch.requests.size());
  for (Request& request : batch.requests) writes.push_back(std::move(request.write));
  const bool was_folded = store_.folded() == store_.next_event();
  std::vector<Result<outbox::EventId>> results;
  auto first = apply(writes, acks_);
  if (first) {
    acks_are_durable();
    for (const Write& write : writes) {
      results.emplace_back(*first);
      first = outbox::EventId{static_cast<std::uint64_t>(*first) + write.events.size()};
    }
  } else if (may_be_of_one(first.error()) && writes.size() + (acks_.empty() ? 0 : 1) > 1) {
    one_by_one(writes, results);
  } else {
    results.assign(writes.size(), first);
    not_before_ = Clock::now() + kRetry;
  }
  if (was_folded) unfolded_since_ = Clock::now();

  Finished finished;
  for (std::size_t i = 0; i < batch.requests.size(); ++i) {
    answer(batch.requests[i], results[i], std::move(writes[i]), finished);
  }
  hand_over(std::move(finished));
}

/// So that one bad member does not fail its neighbours.
void WriterThread::one_by_one(std::span<const Write> writes, std::vector<Result<outbox::EventId>>& results) {
  for (const Write& write : writes) results.push_back(apply({&write, 1}, {}));
  apply_acks();
}

/// What fails stays for the next transaction.
void WriterThread::apply_acks() {
  if (acks_.empty()) return;
  if (apply({}, acks_)) {
    acks_are_durable();
  } else {
    not_before_ = Clock::now() + kRetry;
  }
}

void WriterThread::acks_are_durable() {
  waiting_acks_.add(-static_cast<std::int64_t>(acks_.size()));
  acks_.clear();
}

Result<outbox::EventId> WriterThread::apply(std::span<const Write> writes, std::span<const outbox::EventId> acks) {
  const bool has_work = !acks.empty() || std::ranges::any_of(writes, [](const Write& write) {
    return !write.mutations.empty() || !write.events.empty();
  });
  if (!has_work) return store_.next_event();
  auto result = transactions_.of([&] { return store_.apply(writes, acks); });
  batch_size_.observe(static_cast<double>(writes.size()));
  if (result) {
    writing_.succeeded();
    checkpointer_->after_transaction();
  } else if (writes.size() <= 1 || !may_be_of_one(result.error())) {  // else its members are tried alone
    writing_.failed(result.error());
  }
  if (!result) report_superseded(result.error());
  return result;
}

void WriterThread::answer(Request& request, const Result<outbox::EventId>& result, Write write, Finished& finished) {
  if (request.kind == Kind::fold) return start_fold(request, finished);
  Result<void> outcome;
  if (!result) outcome = std::unexpected(result.error());
  if (request.kind == Kind::flush && !acks_.empty()) outcome = fail(Errc::failed, "acks are not durable yet");
  if (outcome) {
    auto id = static_cast<std::uint64_t>(*result);
    for (outbox::Draft& event : write.events) {
      finished.events.push_back({outbox::EventId{id++}, event.lane, event.order, std::move(event.body)});
    }
  }
  finished.answers.push_back({std::move(request.done), std::move(outcome)});
}

void WriterThread::start_fold(Request& request, Finished& finished) {
  const bool is_folded = request.repo ? !store_.has_unfolded(*request.repo) : store_.folded() == store_.next_event();
  if (is_folded) {
    finished.answers.push_back({std::move(request.done), {}});
  } else {
    fold_waiters_.push_back({store_.next_event(), std::move(request.done)});
  }
}

bool WriterThread::fold_is_due() const {
  if (store_.folded() == store_.next_event()) return false;
  if (!fold_waiters_.empty()) return true;
  const Time now = Clock::now();
  if (now < not_before_) return false;
  return folding_ || store_.unfolded() >= options_.fold.commits || now >= unfolded_since_ + options_.fold.age;
}

void WriterThread::fold_slice(std::size_t size) {
  const outbox::EventId before = store_.folded();
  const Time start = Clock::now();
  auto done = store_.fold_slice(size);
  fold_time_ += Clock::now() - start;
  if (!done) {
    folds_.failed(done.error());
    report_superseded(done.error());
    folding_ = false;
    not_before_ = Clock::now() + kRetry;
    return answer_folds(done);
  }
  folds_.succeeded();
  checkpointer_->after_transaction();
  folding_ = store_.folded() == before;
  if (!folding_) end_fold_round();
}

void WriterThread::end_fold_round() {
  fold_rounds_.took(fold_time_);
  fold_time_ = {};
  unfolded_since_ = Clock::now();
  sweeping_ = true;
  answer_folds({});
}

/// Success is for those whose part is folded, an error for all.
void WriterThread::answer_folds(const Result<void>& result) {
  Finished finished;
  std::erase_if(fold_waiters_, [&](FoldWaiter& waiter) {
    if (result && waiter.target > store_.folded()) return false;
    finished.answers.push_back({std::move(waiter.done), result});
    return true;
  });
  hand_over(std::move(finished));
}

/// One step of clearing up behind a fold. Space is given back only while there is nothing else to do.
void WriterThread::tidy(bool idle) {
  if (sweeping_) {
    sweeping_ = go_on(sweeps_.of([this] { return store_.sweep(); }));
    vacuuming_ = true;
  } else if (vacuuming_ && idle && !folding_) {
    vacuuming_ = go_on(vacuums_.of([this] { return store_.vacuum(); }));
  } else {
    return;
  }
  checkpointer_->after_transaction();
}

/// Whether there is more to clear up. What failed is tried again behind the next fold.
bool WriterThread::go_on(const Result<bool>& more) {
  if (more) {
    tidying_.succeeded();
  } else {
    tidying_.failed(more.error());
    report_superseded(more.error());
  }
  return more.value_or(false);
}

void WriterThread::hand_over(Finished finished) {
  if (finished.answers.empty() && finished.events.empty() && !finished.superseded) return;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = finished_.empty();
    finished_.push_back(std::move(finished));
  }
  if (first) wake_();
}

void WriterThread::report_superseded(const Error& error) {
  if (error != Errc::superseded || std::exchange(superseded_, true)) return;
  hand_over({.events = {}, .answers = {}, .superseded = error});
}

void WriterThread::show() {
  unfolded_.set(static_cast<std::int64_t>(store_.unfolded()));
  dead_letters_.set(static_cast<std::int64_t>(store_.dead_letters()));
}

}  // namespace tap::store
