// SPDX-License-Identifier: MIT
#include "tap/store/writer.hpp"

#include "tap/async/event.hpp"

#include "store/writer_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <utility>

namespace tap::store {
namespace {

namespace asio = boost::asio;
using Kind = WriterThread::Kind;

/// The loop's side of the writer: bounds the inbox and brings answers back.
class LoopWriter final : public Writer {
 public:
  LoopWriter(Executor loop, Store& store, metrics::Registry& metrics, WriterOptions options)
      : loop_(std::move(loop)),
        capacity_(std::max<std::size_t>(options.inbox, 1)),
        room_(loop_),
        on_superseded_(std::move(options.on_superseded)),
        depth_(metrics.queue("store_writes", capacity_)),
        acks_(metrics.queue("store_acks", options.acks)),
        max_acks_(options.acks),
        thread_(store, metrics, options, [this] { post_delivery(); }) {}
  ~LoopWriter() override { stop(); }

  Task<Result<void>> commit(Write write) override { return submit({Kind::write, std::move(write), {}, {}}); }
  Task<Result<void>> flush() override { return submit({Kind::flush, {}, {}, {}}); }
  Task<Result<void>> fold() override { return submit({Kind::fold, {}, {}, {}}); }
  Task<Result<void>> fold_repo(RepoId id) override { return submit({Kind::fold, {}, id, {}}); }

  void ack(std::span<const outbox::EventId> ids) override {
    if (!stopped_) thread_.ack(ids);
  }
  bool has_room_for_acks() const override { return std::cmp_less(acks_.value(), max_acks_); }
  void connect(outbox::Inbox& inbox) override { inbox_ = &inbox; }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    thread_.stop();
    deliver();
    room_.notify_all();
  }

 private:
  Task<Result<void>> submit(WriterThread::Request request) {
    while (!stopped_ && pending_ >= capacity_) co_await room_.wait();
    if (stopped_) co_return fail(Errc::closed);
    ++pending_;
    depth_.set(static_cast<std::int64_t>(pending_));
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<void>)>(
        [&](auto handler) {
          // The loop must not end while an answer is on its way.
          request.done = [handler = std::move(handler), guard = asio::make_work_guard(loop_)](
                             Result<void> result) mutable { std::move(handler)(std::move(result)); };
          thread_.submit(std::move(request));
        },
        asio::use_awaitable);
  }

  /// On the writer's thread. The loop may come to it when we are gone.
  void post_delivery() {
    asio::post(loop_, [this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) deliver();
    });
  }

  void deliver() {
    for (WriterThread::Finished& finished : thread_.take_finished()) {
      if (inbox_ != nullptr && !finished.events.empty()) inbox_->committed(std::move(finished.events));
      pending_ -= finished.answers.size();
      for (WriterThread::Answer& answer : finished.answers) answer.done(std::move(answer.result));
      if (finished.superseded && on_superseded_) on_superseded_(*finished.superseded);
    }
    depth_.set(static_cast<std::int64_t>(pending_));
    // In crowds, not one by one; whoever finds it full again waits again.
    if (pending_ * 2 <= capacity_) room_.notify_all();
  }

  Executor loop_;
  std::size_t capacity_;
  async::Event room_;
  std::function<void(const Error&)> on_superseded_;
  metrics::Gauge& depth_;
  metrics::Gauge& acks_;  // the thread keeps it
  std::size_t max_acks_;
  outbox::Inbox* inbox_ = nullptr;
  std::size_t pending_ = 0;
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // posted deliveries watch it
  WriterThread thread_;                                         // last: it ends first
};

}  // namespace

std::unique_ptr<Writer> make_writer(Executor loop, Store& store, metrics::Registry& metrics, WriterOptions options) {
  return std::make_unique<LoopWriter>(std::move(loop), store, metrics, std::move(options));
}

}  // namespace tap::store
