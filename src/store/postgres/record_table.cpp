// SPDX-License-Identifier: MIT
#include "store/postgres/record_table.hpp"

#include "store/stored.hpp"

#include <utility>

namespace tap::store::postgres {
namespace {

constexpr std::size_t kMaxEnds = 10'000;

/// Rows of the record index, column by column.
struct Rows {
  std::vector<std::int64_t> repos, collections;
  std::vector<std::string_view> rkeys;
  std::vector<ByteView> cids;

  [[nodiscard]] bool empty() const { return repos.empty(); }
  void add_key(std::int64_t repo, std::int64_t collection, std::string_view rkey) {
    repos.push_back(repo);
    collections.push_back(collection);
    rkeys.push_back(rkey);
  }
  void add(const Rows& from, std::size_t row) {
    add_key(from.repos[row], from.collections[row], from.rkeys[row]);
    cids.push_back(from.cids[row]);
  }
};

/// To look for each record costs as much as to insert it; most of them are new.
void insert(Connection& to, const Rows& rows, const std::vector<bool>& is_fresh) {
  Rows fresh;
  Rows others;
  for (std::size_t row = 0; row < rows.repos.size(); ++row) (is_fresh[row] ? fresh : others).add(rows, row);
  if (!fresh.empty()) {
    to.queue(
        "INSERT INTO records (repo_id, collection_id, rkey, cid) SELECT * FROM unnest($1::bigint[], $2::bigint[], "
        "$3::text[], $4::bytea[])",
        fresh.repos, fresh.collections, fresh.rkeys, fresh.cids);
  }
  if (!others.empty()) {
    to.queue(
        "INSERT INTO records (repo_id, collection_id, rkey, cid) SELECT * FROM unnest($1::bigint[], $2::bigint[], "
        "$3::text[], $4::bytea[]) "
        "ON CONFLICT (repo_id, collection_id, rkey) DO UPDATE SET cid = excluded.cid",
        others.repos, others.collections, others.rkeys, others.cids);
  }
}

}  // namespace

Result<void> RecordTable::put(Connection& to, std::span<const FoldPlan::Repo* const> repos,
                              const std::vector<std::string>& collections) {
  // Only the names that these repos use.
  std::vector<std::string> names;
  std::unordered_map<std::uint32_t, std::size_t> place;
  for (const FoldPlan::Repo* repo : repos) {
    for (const FoldPlan::Record& record : repo->records) {
      if (place.try_emplace(record.collection, names.size()).second) names.push_back(collections[record.collection]);
    }
  }
  if (names.empty()) return {};
  auto ids = intern(to, names);
  if (!ids) return std::unexpected(ids.error());

  Rows changed;
  Rows gone;
  std::vector<StoredCid> cids;
  for (const FoldPlan::Repo* repo : repos) {
    for (const FoldPlan::Record& record : repo->records) {
      (record.cid ? changed : gone)
          .add_key(static_cast<std::int64_t>(repo->id), (*ids)[place[record.collection]], record.rkey);
      if (record.cid) cids.emplace_back(*record.cid);
    }
  }
  for (const StoredCid& cid : cids) changed.cids.push_back(cid.bytes());
  if (!changed.empty()) {
    auto fresh = find_fresh(to, changed.repos, changed.collections, changed.rkeys);
    if (!fresh) return std::unexpected(fresh.error());
    insert(to, changed, *fresh);
  }
  if (!gone.empty()) {
    to.queue(
        "DELETE FROM records r USING unnest($1::bigint[], $2::bigint[], $3::text[]) AS g (repo_id, collection_id, "
        "rkey) "
        "WHERE r.repo_id = g.repo_id AND r.collection_id = g.collection_id AND r.rkey = g.rkey",
        gone.repos, gone.collections, gone.rkeys);
  }
  return {};
}

Result<std::vector<bool>> RecordTable::find_fresh(Connection& to, const std::vector<std::int64_t>& repos,
                                                  const std::vector<std::int64_t>& collections,
                                                  const std::vector<std::string_view>& rkeys) {
  // A stretch: the rows of one collection of one repo.
  std::vector<bool> fresh(repos.size(), true);
  std::vector<std::int64_t> begins, asked_repos, asked_collections;
  std::vector<std::string_view> asked_rkeys;
  const auto end_of = [&](std::size_t begin) {
    std::size_t end = begin;
    while (end < repos.size() && repos[end] == repos[begin] && collections[end] == collections[begin]) ++end;
    return end;
  };
  for (std::size_t begin = 0; begin < repos.size(); begin = end_of(begin)) {
    const auto known = ends_.find({repos[begin], collections[begin]});
    if (known != ends_.end() && known->second < rkeys[begin]) continue;
    begins.push_back(static_cast<std::int64_t>(begin));
    asked_repos.push_back(repos[begin]);
    asked_collections.push_back(collections[begin]);
    asked_rkeys.push_back(rkeys[begin]);
  }
  if (!begins.empty()) {
    auto done = to.each(
        "SELECT w.begin FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS w (begin, repo, "
        "collection, rkey) WHERE EXISTS (SELECT 1 FROM "
        "records WHERE repo_id = w.repo AND collection_id = w.collection AND rkey >= w.rkey)",
        [&](const Row& found) {
          const std::size_t begin = found.number(0);
          const std::size_t end = end_of(begin);
          for (std::size_t row = begin; row < end; ++row) fresh[row] = false;
        },
        begins, asked_repos, asked_collections, asked_rkeys);
    if (!done) return std::unexpected(done.error());
  }
  if (ends_.size() > kMaxEnds) ends_.clear();
  for (std::size_t begin = 0; begin < repos.size(); begin = end_of(begin)) {
    const std::string_view last = rkeys[end_of(begin) - 1];
    const std::pair key{repos[begin], collections[begin]};
    if (fresh[begin]) {
      ends_.insert_or_assign(key, std::string(last));
    } else if (const auto known = ends_.find(key); known != ends_.end() && known->second < last) {
      known->second = last;
    }
  }
  return fresh;
}

Result<std::vector<std::int64_t>> RecordTable::intern(Connection& to, const std::vector<std::string>& names) {
  std::vector<std::string_view> missing;
  for (const std::string& name : names) {
    if (!collections_.contains(name)) missing.emplace_back(name);
  }
  if (!missing.empty()) {
    if (collections_.size() + missing.size() > max_collections_) {
      collections_.clear();
      missing.assign(names.begin(), names.end());
    }
    to.queue(
        "INSERT INTO collections (nsid) SELECT n FROM unnest($1::text[]) n WHERE NOT EXISTS (SELECT 1 FROM collections "
        "c WHERE c.nsid = n COLLATE \"C\")",
        missing);
    auto done = to.each(
        "SELECT id, nsid FROM collections WHERE nsid = ANY($1)",
        [&](const Row& row) { collections_.insert_or_assign(std::string(row.text(1)), row.integer(0)); }, missing);
    if (!done) return std::unexpected(done.error());
  }
  std::vector<std::int64_t> ids;
  ids.reserve(names.size());
  for (const std::string& name : names) {
    const auto found = collections_.find(name);
    if (found == collections_.end()) return fail(Errc::corrupt, "collection " + name + " is not there");
    ids.push_back(found->second);
  }
  return ids;
}

}  // namespace tap::store::postgres
