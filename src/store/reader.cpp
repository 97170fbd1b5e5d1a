// SPDX-License-Identifier: MIT
#include "tap/async/cpu_pool.hpp"
#include "tap/store/writer.hpp"

#include "store/timing.hpp"

#include <array>
#include <optional>
#include <utility>

namespace tap::store {
namespace {

/// One connection on one thread.
class LoopReader final : public Reader {
 public:
  LoopReader(Executor loop, std::unique_ptr<Queries> queries, Writer& writer, metrics::Registry& metrics)
      : queries_(std::move(queries)),
        writer_(writer),
        timings_(metrics),
        thread_(std::move(loop), 1, &metrics.queue("store_reads", 0), "tap-reader") {}

  Task<Result<std::vector<outbox::Event>>> read(outbox::EventId after, std::size_t max) override {
    if (!writer_.has_room_for_acks()) co_return too_many_acks();
    co_return co_await run(timings_.events, [=](Queries& queries) { return queries.events(after, max); });
  }
  Task<Result<outbox::LanePage>> read_lane(outbox::LaneKey lane, outbox::EventId first, outbox::EventId last,
                                           std::size_t max) override {
    if (!writer_.has_room_for_acks()) co_return too_many_acks();
    co_return co_await run(timings_.lane,
                           [=](Queries& queries) { return queries.lane_events(lane, first, last, max); });
  }
  Task<Result<void>> set_aside(std::vector<outbox::DeadLetter> letters) override {
    Write write;
    for (outbox::DeadLetter& letter : letters) write.mutations.emplace_back(SetAside{std::move(letter)});
    return writer_.commit(std::move(write));
  }
  void acked(std::span<const outbox::EventId> ids) override { writer_.ack(ids); }

  Task<Result<std::optional<RepoDetails>>> details(RepoId id) override {
    return run(timings_.details, [=](Queries& queries) { return queries.details(id); });
  }
  Task<Result<std::vector<std::string>>> collections(RepoId id) override {
    return run(timings_.collections, [=](Queries& queries) { return queries.collections(id); });
  }
  Task<Result<std::vector<Record>>> records(RepoId id, std::string collection, std::string after,
                                            std::size_t max) override {
    return run(timings_.records, [=](Queries& queries) { return queries.records(id, collection, after, max); });
  }
  Task<Result<std::vector<BufferedCommit>>> buffered(RepoId id, std::int64_t after, std::size_t max) override {
    return run(timings_.buffered, [=](Queries& queries) { return queries.buffered(id, after, max); });
  }
  Task<Result<std::uint64_t>> buffered_count() override {
    return run(timings_.buffered_count, [](Queries& queries) { return queries.buffered_count(); });
  }
  Task<Result<std::string>> cursor(std::string kind, std::string key) override {
    return run(timings_.cursor, [=](Queries& queries) { return queries.cursor(kind, key); });
  }
  Task<Result<std::vector<outbox::DeadLetter>>> dead_letters(std::string did, outbox::EventId after,
                                                             std::size_t max) override {
    return run(timings_.dead_letters, [=](Queries& queries) { return queries.dead_letters(did, after, max); });
  }
  void stop() override { stopped_ = true; }

 private:
  struct Timings {
    explicit Timings(metrics::Registry& metrics)
        : events(metrics, "read_events"),
          lane(metrics, "read_lane"),
          details(metrics, "read_details"),
          collections(metrics, "read_collections"),
          records(metrics, "read_records"),
          buffered(metrics, "read_buffered"),
          buffered_count(metrics, "count_buffered"),
          cursor(metrics, "read_cursor"),
          dead_letters(metrics, "read_dead_letters") {}
    Timing events, lane, details, collections, records, buffered, buffered_count, cursor, dead_letters;
  };

  /// Consumers ack faster than the database forgets, or it cannot be written to at all.
  static std::unexpected<Error> too_many_acks() { return fail(Errc::busy, "too many acks are not durable yet"); }

  template <class Query, class Answer = std::invoke_result_t<Query, Queries&>>
  Task<Answer> run(Timing& timing, Query query) {
    if (stopped_) co_return fail(Errc::closed);
    auto answer = co_await thread_.run(
        [this, &timing, query = std::move(query)] { return timing.of([&] { return query(*queries_); }); });
    // It is the writer who tells of it, once it has something to write: the ack of no event does.
    if (!answer && answer.error() == Errc::superseded) writer_.ack(std::array{outbox::EventId{}});
    co_return answer;
  }

  std::unique_ptr<Queries> queries_;
  Writer& writer_;
  Timings timings_;
  bool stopped_ = false;
  async::CpuPool thread_;  // last: it ends first
};

}  // namespace

Result<std::unique_ptr<Reader>> make_reader(Executor loop, Store& store, Writer& writer, metrics::Registry& metrics) {
  auto queries = store.queries();
  if (!queries) return std::unexpected(queries.error());
  return std::make_unique<LoopReader>(std::move(loop), std::move(*queries), writer, metrics);
}

}  // namespace tap::store
