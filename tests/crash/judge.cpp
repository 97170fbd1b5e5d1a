// SPDX-License-Identifier: MIT
#include "crash/judge.hpp"

#include <functional>

namespace tap::crash {

void Judge::add(test::Event event) {
  const std::lock_guard lock(mutex_);
  const std::size_t text = std::hash<std::string>{}(event.text);
  const auto [seen, is_new] = seen_.try_emplace(event.id, text);
  if (!is_new) {
    ++count_.repeats;
    if (seen->second != text) blame("an id that stood for another event", event);
    return;
  }
  ++count_.events;
  take(repos_[event.did()], event);
}

void Judge::take(Repo& repo, const test::Event& event) {
  if (event.id <= repo.last_id) blame("an id behind " + std::to_string(repo.last_id), event);
  repo.last_id = event.id;
  if (event.is_record) {
    take_record(repo, event);
  } else {
    repo.is_active = event.body.at("is_active");
  }
}

void Judge::take_record(Repo& repo, const test::Event& event) {
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

void Judge::blame(const std::string& what, const test::Event& event) {
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

std::string Judge::violation() const {
  const std::lock_guard lock(mutex_);
  return violation_;
}

Judge::Count Judge::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace tap::crash
