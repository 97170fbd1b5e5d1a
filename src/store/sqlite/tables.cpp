// SPDX-License-Identifier: MIT
#include "store/sqlite/tables.hpp"

#include "store/sqlite/rkey.hpp"
#include "store/stored.hpp"

#include <algorithm>

namespace tap::store::sqlite {
namespace {

/// Strangers choose the names of collections: the map of those seen has a bound.
constexpr std::size_t kMaxCollections = 65'536;

}  // namespace

Result<void> Tables::apply(const AddRepo& add) {
  return database_.run("INSERT OR IGNORE INTO repos (id, did, state, account) VALUES (?, ?, ?, ?)", add.id,
                       std::string_view(add.did.str()), repos::State::pending, repos::Account::active);
}

Result<void> Tables::apply(const RemoveRepo& remove) {
  auto done = database_.run("DELETE FROM repos WHERE id = ?", remove.id);
  if (done) done = database_.run("DELETE FROM records WHERE repo_id = ?", remove.id);
  if (done) done = database_.run("DELETE FROM resync_buffer WHERE repo_id = ?", remove.id);
  return done;
}

Result<void> Tables::apply(const SetState& set) {
  return database_.run("UPDATE repos SET state = ?, error = ?, retries = ?, retry_after = ? WHERE id = ?", set.state,
                       std::string_view(set.error), set.retries, set.retry_after, set.id);
}

Result<void> Tables::apply(const SetAccount& set) {
  return database_.run("UPDATE repos SET account = ? WHERE id = ?", set.account, set.id);
}

Result<void> Tables::apply(const ExpectHandle& expect) {
  return database_.run("UPDATE repos SET handle_due = 1 WHERE id = ?", expect.id);
}

Result<void> Tables::apply(const SetHandle& set) {
  return database_.run("UPDATE repos SET handle = ?, handle_due = 0 WHERE id = ?", std::string_view(set.handle),
                       set.id);
}

Result<void> Tables::apply(const SetHead& set) {
  auto done = set_head(set.id, set.head);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> Tables::apply(const PutRecords& put_records) {
  auto known = database_.value("SELECT 1 FROM repos WHERE id = ?", put_records.id);
  if (!known) return std::unexpected(known.error());
  if (!*known) return {};
  for (const RecordChange& change : put_records.changes) {
    auto collection = intern(change.collection);
    if (!collection) return std::unexpected(collection.error());
    if (auto done = put(put_records.id, *collection, change.rkey, change.cid); !done) return done;
  }
  return {};
}

Result<void> Tables::apply(const BufferCommit& buffer) {
  return database_.run(
      "INSERT INTO resync_buffer (repo_id, rev, body) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM repos WHERE id = "
      "?1)",
      buffer.id, ordered(buffer.rev), ByteView(buffer.commit));
}

Result<void> Tables::apply(const DropBuffered& drop) {
  return database_.run("DELETE FROM resync_buffer WHERE repo_id = ? AND rev <= ?", drop.id, ordered(drop.up_to));
}

Result<void> Tables::apply(const SaveCursor& save) {
  return database_.run("INSERT OR REPLACE INTO cursors (kind, key, value) VALUES (?, ?, ?)",
                       std::string_view(save.kind), std::string_view(save.key), std::string_view(save.value));
}

Result<void> Tables::fold(std::span<const FoldPlan::Repo> repos, const std::vector<std::string>& collections) {
  for (const FoldPlan::Repo& repo : repos) {
    if (auto done = fold_repo(repo, collections); !done) return done;
  }
  return {};
}

Result<void> Tables::fold_repo(const FoldPlan::Repo& repo, const std::vector<std::string>& collections) {
  auto known = set_head(repo.id, repo.head);
  if (!known) return std::unexpected(known.error());
  if (!*known) return {};
  for (const FoldPlan::Record& record : repo.records) {
    auto collection = intern(collections[record.collection]);
    if (!collection) return std::unexpected(collection.error());
    if (auto done = put(repo.id, *collection, record.rkey, record.cid); !done) return done;
  }
  return {};
}

Result<bool> Tables::set_head(RepoId id, const repos::Head& head) {
  auto done = database_.run("UPDATE repos SET rev = ?, data = ?, records = ? WHERE id = ?", head.rev.value(),
                            StoredCid(head.data).bytes(), head.records, id);
  if (!done) return std::unexpected(done.error());
  return database_.changes() > 0;
}

Result<void> Tables::put(RepoId id, std::int64_t collection, std::string_view rkey,
                         const std::optional<atproto::Cid>& cid) {
  const auto number = rkey_number(rkey);
  if (!cid) {
    constexpr Sql kDelete = "DELETE FROM records WHERE repo_id = ? AND collection_id = ? AND rkey = ?";
    return number ? database_.run(kDelete, id, collection, *number) : database_.run(kDelete, id, collection, rkey);
  }
  constexpr Sql kPut = "INSERT OR REPLACE INTO records (repo_id, collection_id, rkey, cid) VALUES (?, ?, ?, ?)";
  const StoredCid stored(*cid);
  return number ? database_.run(kPut, id, collection, *number, stored.bytes())
                : database_.run(kPut, id, collection, rkey, stored.bytes());
}

Result<std::int64_t> Tables::intern(const std::string& collection) {
  if (const auto found = collections_.find(collection); found != collections_.end()) return found->second;
  auto id = database_.value("SELECT id FROM collections WHERE nsid = ?", std::string_view(collection));
  if (id && !*id) {
    id = database_.value("INSERT INTO collections (nsid) VALUES (?) RETURNING id", std::string_view(collection));
  }
  if (!id) return std::unexpected(id.error());
  if (collections_.size() >= kMaxCollections) collections_.clear();
  collections_.emplace(collection, **id);
  return **id;
}

Result<void> Tables::each_repo(const std::function<void(RepoRow&)>& sink) {
  return database_.each("SELECT id, did, state, account, rev, data, records, handle_due FROM repos ORDER BY id",
                        [&](const Row& row) -> Result<void> {
                          auto repo = read_repo(row);
                          if (!repo) return std::unexpected(repo.error());
                          sink(*repo);
                          return {};
                        });
}

}  // namespace tap::store::sqlite
