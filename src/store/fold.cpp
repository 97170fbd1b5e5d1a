// SPDX-License-Identifier: MIT
#include "store/fold.hpp"

#include <algorithm>
#include <tuple>

namespace tap::store {

void FoldPlan::add(std::span<const AdvanceHead> changes) {
  for (const AdvanceHead& change : changes) {
    const auto [at, is_new] = index_.try_emplace(change.id, repos_.size());
    if (is_new) repos_.push_back({change.id, {}, {}});
    Repo& repo = repos_[at->second];
    repo.head = change.head;
    for (const RecordChange& record : change.changes) {
      repo.records.push_back({number_of(record.collection), record.rkey, record.cid, repo.records.size()});
    }
  }
  commits_ += changes.size();
}

void FoldPlan::finish() {
  for (Repo& repo : repos_) {
    const auto key = [](const Record& record) { return std::tie(record.collection, record.rkey); };
    std::ranges::sort(repo.records, {},
                      [](const Record& record) { return std::tie(record.collection, record.rkey, record.at); });
    // Of equal keys the last one counts.
    const auto kept = std::unique(repo.records.rbegin(), repo.records.rend(),
                                  [&](const Record& a, const Record& b) { return key(a) == key(b); });
    repo.records.erase(repo.records.begin(), kept.base());
  }
  std::ranges::sort(repos_, {}, &Repo::id);
}

std::uint32_t FoldPlan::number_of(const std::string& collection) {
  const auto [at, is_new] = numbers_.try_emplace(collection, static_cast<std::uint32_t>(collections_.size()));
  if (is_new) collections_.push_back(collection);
  return at->second;
}

}  // namespace tap::store
