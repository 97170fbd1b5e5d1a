// SPDX-License-Identifier: MIT
#include "store/postgres/tables.hpp"

#include "store/stored.hpp"

#include <algorithm>
#include <unordered_set>

namespace tap::store::postgres {
namespace {

constexpr std::int64_t kRepoPage = 10'000;
constexpr std::size_t kMaxFilled = 10'000;

std::int64_t as_column(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

Result<void> Tables::apply(Connection& to, const AddRepo& add) {
  to.queue("INSERT INTO repos (id, did, state, account) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", add.id,
           std::string_view(add.did.str()), repos::State::pending, repos::Account::active);
  return {};
}

Result<void> Tables::apply(Connection& to, const RemoveRepo& remove) {
  filled_.erase(remove.id);
  to.queue("DELETE FROM repos WHERE id = $1", remove.id);
  to.queue("DELETE FROM records WHERE repo_id = $1", remove.id);
  to.queue("DELETE FROM resync_buffer WHERE repo_id = $1", remove.id);
  return {};
}

Result<void> Tables::apply(Connection& to, const SetState& set) {
  to.queue("UPDATE repos SET state = $1, error = $2, retries = $3, retry_after = $4 WHERE id = $5", set.state,
           as_bytes(set.error), set.retries, set.retry_after, set.id);
  return {};
}

Result<void> Tables::apply(Connection& to, const SetAccount& set) {
  to.queue("UPDATE repos SET account = $1 WHERE id = $2", set.account, set.id);
  return {};
}

Result<void> Tables::apply(Connection& to, const ExpectHandle& expect) {
  to.queue("UPDATE repos SET handle_due = true WHERE id = $1", expect.id);
  return {};
}

Result<void> Tables::apply(Connection& to, const SetHandle& set) {
  to.queue("UPDATE repos SET handle = $1, handle_due = false WHERE id = $2", std::string_view(set.handle), set.id);
  return {};
}

Result<void> Tables::apply(Connection& to, const SetHead& set) {
  to.queue("UPDATE repos SET rev = $1, data = $2, records = $3 WHERE id = $4", set.head.rev.value(),
           StoredCid(set.head.data).bytes(), set.head.records, set.id);
  return {};
}

Result<void> Tables::apply(Connection& to, const PutRecords& put_records) {
  if (!filled_.contains(put_records.id)) {
    auto known = to.value("SELECT 1 FROM repos WHERE id = $1", put_records.id);
    if (!known) return std::unexpected(known.error());
    if (!*known) return {};
    if (filled_.size() >= kMaxFilled) filled_.clear();
    filled_.insert(put_records.id);
  }
  // One statement must not name a record twice.
  FoldPlan plan;
  const AdvanceHead changes{put_records.id, {}, put_records.changes};
  plan.add({&changes, 1});
  plan.finish();
  const FoldPlan::Repo* repo = plan.repos().data();
  return records_.put(to, {&repo, 1}, plan.collections());
}

Result<void> Tables::apply(Connection& to, const BufferCommit& buffer) {
  to.queue(
      "INSERT INTO resync_buffer (repo_id, rev, body) SELECT $1::bigint, $2::bigint, $3::bytea WHERE EXISTS (SELECT 1 "
      "FROM repos WHERE id = $1)",
      buffer.id, ordered(buffer.rev), ByteView(buffer.commit));
  return {};
}

Result<void> Tables::apply(Connection& to, const DropBuffered& drop) {
  to.queue("DELETE FROM resync_buffer WHERE repo_id = $1 AND rev <= $2", drop.id, ordered(drop.up_to));
  return {};
}

Result<void> Tables::apply(Connection& to, const SaveCursor& save) {
  to.queue(
      "INSERT INTO cursors (kind, key, value) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET value = "
      "excluded.value",
      std::string_view(save.kind), as_bytes(save.key), as_bytes(save.value));
  return {};
}

Result<void> Tables::fold(Connection& to, std::span<const FoldPlan::Repo> repos,
                          const std::vector<std::string>& collections) {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> revs;
  std::vector<std::int64_t> records;
  std::vector<StoredCid> data;
  std::vector<ByteView> data_bytes;
  data.reserve(repos.size());
  for (const FoldPlan::Repo& repo : repos) {
    ids.push_back(as_column(static_cast<std::uint64_t>(repo.id)));
    revs.push_back(as_column(repo.head.rev.value()));
    records.push_back(as_column(repo.head.records));
    data_bytes.push_back(data.emplace_back(repo.head.data).bytes());
  }
  std::unordered_set<RepoId> known;
  auto done = to.each(
      "UPDATE repos r SET rev = n.rev, data = n.data, records = n.records FROM unnest($1::bigint[], $2::bigint[], "
      "$3::bytea[], $4::bigint[]) AS n (id, rev, "
      "data, records) WHERE r.id = n.id RETURNING r.id",
      [&](const Row& row) { known.insert(RepoId{row.number(0)}); }, ids, revs, data_bytes, records);
  if (!done) return done;
  std::vector<const FoldPlan::Repo*> kept;
  for (const FoldPlan::Repo& repo : repos) {
    if (known.contains(repo.id)) kept.push_back(&repo);
  }
  return records_.put(to, kept, collections);
}

Result<void> Tables::each_repo(Connection& from, const std::function<void(RepoRow&)>& sink) {
  std::optional<RepoId> last = RepoId{};
  while (last) {
    const RepoId after = *last;
    last.reset();
    auto done = from.each(
        "SELECT id, did, state, account, rev, data, records, handle_due FROM repos WHERE id > $1 ORDER BY id LIMIT $2",
        [&](const Row& row) -> Result<void> {
          auto repo = read_repo(row);
          if (!repo) return std::unexpected(repo.error());
          last = repo->id;
          sink(*repo);
          return {};
        },
        after, kRepoPage);
    if (!done) return done;
  }
  return {};
}

Result<std::uint64_t> Tables::add(Connection& to, const outbox::DeadLetter& letter) {
  auto done = to.run(
      "INSERT INTO dead_letters (id, lane, barrier, did, attempts, since, reason, body) "
      "VALUES ($1, $2, $3 <> 0, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
      letter.event.id, letter.event.lane, letter.event.order == outbox::Order::barrier, std::string_view(letter.did),
      letter.attempts, letter.since, as_bytes(letter.reason), as_bytes(letter.event.body));
  if (!done) return std::unexpected(done.error());
  return to.changes();
}

Result<std::uint64_t> Tables::drop(Connection& to, std::span<const outbox::EventId> ids) {
  std::vector<std::int64_t> rows;
  for (const outbox::EventId id : ids) rows.push_back(as_column(static_cast<std::uint64_t>(id)));
  auto done = to.run("DELETE FROM dead_letters WHERE id = ANY($1)", rows);
  if (!done) return std::unexpected(done.error());
  return to.changes();
}

}  // namespace tap::store::postgres
