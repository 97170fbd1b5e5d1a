// SPDX-License-Identifier: MIT
#include "store/postgres/record_table.hpp"

#include "store/stored.hpp"

#include <utility>

namespace tap::store::postgres {
namespace {

/// Strangers choose the names of collections: the map of those seen has a bound.
constexpr std::size_t kMaxCollections = 65'536;

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
  [[nodiscard]] bool has_same_collection(std::size_t a, std::size_t b) const {
    return repos[a] == repos[b] && collections[a] == collections[b];
  }
};

/// Which of these sorted rows may be there already: all of a repo's in one collection when there is anything between
/// the first and the last of them.
Result<std::vector<bool>> find_known(Connection& to, const Rows& rows) {
  Rows stretches;
  std::vector<std::string_view> last;
  std::vector<std::size_t> ends;
  for (std::size_t row = 0; row < rows.repos.size(); ++row) {
    if (row == 0 || !rows.has_same_collection(row - 1, row)) {
      stretches.add_key(rows.repos[row], rows.collections[row], rows.rkeys[row]);
      last.emplace_back();
      ends.emplace_back();
    }
    last.back() = rows.rkeys[row];
    ends.back() = row + 1;
  }
  std::vector<bool> known(rows.repos.size());
  auto done = to.each(
      "SELECT w.number FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS w (repo, collection, first, last, number) WHERE "
      "EXISTS (SELECT 1 FROM records WHERE repo_id = w.repo AND collection_id = w.collection AND rkey >= w.first AND "
      "rkey <= w.last)",
      [&](const Row& found) {
        const auto stretch = static_cast<std::size_t>(found.number(0)) - 1;
        for (std::size_t row = stretch == 0 ? 0 : ends[stretch - 1]; row < ends[stretch]; ++row) known[row] = true;
      },
      stretches.repos, stretches.collections, stretches.rkeys, last);
  if (!done) return std::unexpected(done.error());
  return known;
}

/// To look for each record costs as much as to insert it; most of them are new.
void insert(Connection& to, const Rows& rows, const std::vector<bool>& known) {
  Rows fresh;
  Rows others;
  for (std::size_t row = 0; row < rows.repos.size(); ++row) (known[row] ? others : fresh).add(rows, row);
  if (!fresh.empty()) {
    to.queue("INSERT INTO records (repo_id, collection_id, rkey, cid) SELECT * FROM unnest($1, $2, $3, $4)",
             fresh.repos, fresh.collections, fresh.rkeys, fresh.cids);
  }
  if (!others.empty()) {
    to.queue(
        "INSERT INTO records (repo_id, collection_id, rkey, cid) SELECT * FROM unnest($1, $2, $3, $4) "
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
    auto known = find_known(to, changed);
    if (!known) return std::unexpected(known.error());
    insert(to, changed, *known);
  }
  if (!gone.empty()) {
    to.queue(
        "DELETE FROM records r USING unnest($1, $2, $3) AS g (repo_id, collection_id, rkey) "
        "WHERE r.repo_id = g.repo_id AND r.collection_id = g.collection_id AND r.rkey = g.rkey",
        gone.repos, gone.collections, gone.rkeys);
  }
  return {};
}

Result<std::vector<std::int64_t>> RecordTable::intern(Connection& to, const std::vector<std::string>& names) {
  std::vector<std::string_view> missing;
  for (const std::string& name : names) {
    if (!collections_.contains(name)) missing.emplace_back(name);
  }
  if (!missing.empty()) {
    if (collections_.size() + missing.size() > kMaxCollections) {
      collections_.clear();
      missing.assign(names.begin(), names.end());
    }
    to.queue(
        "INSERT INTO collections (nsid) SELECT n FROM unnest($1) n WHERE NOT EXISTS (SELECT 1 FROM collections c "
        "WHERE c.nsid = n COLLATE \"C\")",
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
