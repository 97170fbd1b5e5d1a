// SPDX-License-Identifier: MIT
#include "tap/async/cpu_pool.hpp"
#include "tap/store/writer.hpp"

#include <optional>
#include <utility>

namespace tap::store {
namespace {

/// One connection on one thread.
class LoopReader final : public Reader {
 public:
  LoopReader(Executor loop, std::unique_ptr<Queries> queries, Writer& writer)
      : queries_(std::move(queries)), writer_(writer), thread_(std::move(loop), 1) {}

  Task<Result<std::vector<outbox::Event>>> read(outbox::EventId after, std::size_t max) override {
    return run([=](Queries& queries) { return queries.events(after, max); });
  }
  Task<Result<outbox::LanePage>> read_lane(outbox::LaneKey lane, outbox::EventId first, outbox::EventId last,
                                           std::size_t max) override {
    return run([=](Queries& queries) { return queries.lane_events(lane, first, last, max); });
  }
  Task<Result<void>> set_aside(std::vector<outbox::DeadLetter> letters) override {
    Write write;
    for (outbox::DeadLetter& letter : letters) write.mutations.emplace_back(SetAside{std::move(letter)});
    return writer_.commit(std::move(write));
  }
  void acked(std::span<const outbox::EventId> ids) override { writer_.ack(ids); }

  Task<Result<std::optional<RepoDetails>>> details(RepoId id) override {
    return run([=](Queries& queries) { return queries.details(id); });
  }
  Task<Result<std::vector<std::string>>> collections(RepoId id) override {
    return run([=](Queries& queries) { return queries.collections(id); });
  }
  Task<Result<std::vector<Record>>> records(RepoId id, std::string collection, std::string after,
                                            std::size_t max) override {
    return run([=](Queries& queries) { return queries.records(id, collection, after, max); });
  }
  Task<Result<std::vector<BufferedCommit>>> buffered(RepoId id, std::int64_t after, std::size_t max) override {
    return run([=](Queries& queries) { return queries.buffered(id, after, max); });
  }
  Task<Result<std::uint64_t>> buffered_count() override {
    return run([](Queries& queries) { return queries.buffered_count(); });
  }
  Task<Result<std::string>> cursor(std::string kind, std::string key) override {
    return run([=](Queries& queries) { return queries.cursor(kind, key); });
  }
  Task<Result<std::vector<outbox::DeadLetter>>> dead_letters(std::string did, outbox::EventId after,
                                                             std::size_t max) override {
    return run([=](Queries& queries) { return queries.dead_letters(did, after, max); });
  }
  void stop() override { stopped_ = true; }

 private:
  template <class Query, class Answer = std::invoke_result_t<Query, Queries&>>
  Task<Answer> run(Query query) {
    if (stopped_) co_return fail(Errc::closed);
    co_return co_await thread_.run([this, query = std::move(query)] { return query(*queries_); });
  }

  std::unique_ptr<Queries> queries_;
  Writer& writer_;
  bool stopped_ = false;
  async::CpuPool thread_;  // last: it ends first
};

}  // namespace

Result<std::unique_ptr<Reader>> make_reader(Executor loop, Store& store, Writer& writer) {
  auto queries = store.queries();
  if (!queries) return std::unexpected(queries.error());
  return std::make_unique<LoopReader>(std::move(loop), std::move(*queries), writer);
}

}  // namespace tap::store
