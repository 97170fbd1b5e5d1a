// SPDX-License-Identifier: MIT
#include "support/process/judge.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace tap::test {

void Judge::add(Event event) {
  const std::lock_guard lock(mutex_);
  const std::size_t text = std::hash<std::string>{}(event.text);
  if (const std::size_t* seen = text_of(event.id)) {
    ++count_.repeats;
    if (*seen != text) blame("an id that stood for another event", event);
    return;
  }
  seen_.emplace(event.id, text);
  ++count_.events;
  take(repos_[event.did()], event);
}

std::size_t* Judge::text_of(std::uint64_t id) {
  for (Texts* texts : {&seen_, &seen_before_}) {
    if (const auto found = texts->find(id); found != texts->end()) return &found->second;
  }
  return nullptr;
}

void Judge::take(Repo& repo, const Event& event) {
  const bool is_historical = event.is_record && !event.is_live();
  const std::uint64_t before = is_historical && consumers_ == Consumers::several ? repo.last_barrier : repo.last_id;
  if (event.id <= before) blame("an id behind " + std::to_string(before), event);
  repo.last_id = std::max(repo.last_id, event.id);
  if (!is_historical) repo.last_barrier = event.id;
  if (event.is_record) {
    take_record(repo, event);
  } else {
    repo.is_active = event.body.at("is_active");
  }
}

void Judge::take_record(Repo& repo, const Event& event) {
  const std::string rev = event.body.at("rev");
  if (rev < repo.last_rev) blame("a rev behind " + repo.last_rev, event);
  repo.last_rev = rev;
  const std::string path = event.path();
  const bool is_known = repo.records.contains(path);
  if (!repo.anew && is_known != (event.action() != "create")) {
    blame(is_known ? "a create of what is there" : "of a record that is not there", event);
  }
  if (event.action() == "delete") {
    repo.records.erase(path);
  } else {
    repo.records[path] = event.body.at("cid");
  }
}

void Judge::blame(const std::string& what, const Event& event) {
  if (violation_.empty()) violation_ = what + ": " + event.text.substr(0, 400);
}

void Judge::expect_everything_again(const std::string& did) {
  const std::lock_guard lock(mutex_);
  repos_[did].anew = true;
}

std::string Judge::difference(const std::string& did, const Truth& truth) const {
  const std::lock_guard lock(mutex_);
  const auto found = repos_.find(did);
  if (found == repos_.end()) return did + ": nothing was told of it";
  const Repo& repo = found->second;
  for (const auto& [path, cid] : truth.records) {
    const auto told = repo.records.find(path);
    if (told == repo.records.end()) return did + " " + path + ": not told";
    if (told->second != cid) return did + " " + path + ": an old version is the last that was told";
  }
  for (const auto& [path, cid] : repo.records) {
    if (truth.records.contains(path) || (repo.anew && truth.deleted.contains(path))) continue;
    return did + " " + path + ": its delete was not told";
  }
  if (repo.is_active != truth.is_active) return did + ": the account's status was not told";
  return {};
}

void Judge::settle(const std::string& did, const Truth& truth) {
  const std::lock_guard lock(mutex_);
  Repo& repo = repos_[did];
  repo.records = truth.records;
  repo.anew = false;
}

void Judge::forget(const std::string& did) {
  const std::lock_guard lock(mutex_);
  repos_.erase(did);
}

void Judge::all_acked() {
  const std::lock_guard lock(mutex_);
  seen_before_ = std::exchange(seen_, {});
}

std::string Judge::violation() const {
  const std::lock_guard lock(mutex_);
  return violation_;
}

Judge::Count Judge::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace tap::test
