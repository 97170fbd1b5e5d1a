// SPDX-License-Identifier: MIT
#include "support/process/judge.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace tap::test {
namespace {

bool goes_alone(const Event& event) { return !event.is_record || event.is_live(); }

}  // namespace

void Judge::add(Event event) {
  const std::lock_guard lock(mutex_);
  const std::size_t text = std::hash<std::string>{}(event.text);
  Seen* seen = find(event.id);
  if (seen != nullptr) {
    ++count_.repeats;
    if (seen->text != text) return blame("an id that stood for another event", event);
  } else {
    ++count_.events;
    seen = &seen_.emplace(event.id, Seen{.text = text, .repo = &repos_[event.did()]}).first->second;
    take(*seen->repo, event);
  }
  judge_order(*seen, event);
}

Judge::Seen* Judge::find(std::uint64_t id) {
  for (SeenById* events : {&seen_, &seen_before_}) {
    if (const auto found = events->find(id); found != events->end()) return &found->second;
  }
  return nullptr;
}

void Judge::take(Repo& repo, const Event& event) {
  const std::uint64_t before = goes_alone(event) || consumers_ == Consumers::one ? repo.last_id : repo.last_barrier;
  if (event.id <= before) blame("an id behind " + std::to_string(before), event);
  repo.last_id = std::max(repo.last_id, event.id);
  if (goes_alone(event)) repo.last_barrier = event.id;
  if (event.is_record) {
    take_record(repo, event);
  } else {
    repo.is_active = event.body.at("is_active");
  }
}

/// Ids of a repo grow in the order in which it is told, so of what is unacked the first one alone has to be looked at.
void Judge::judge_order(const Seen& seen, const Event& event) {
  Repo& repo = *seen.repo;
  const bool alone = goes_alone(event);
  if (consumers_ == Consumers::one && event.id < repo.last_barrier_of_life) {
    blame("told again behind " + std::to_string(repo.last_barrier_of_life), event);
  }
  if (alone) repo.last_barrier_of_life = std::max(repo.last_barrier_of_life, event.id);
  // Acked already, and its repeat was on the way then.
  if (seen.acked_in == life_) return;
  const std::string rev = event.is_record ? event.body.at("rev") : "";
  if (const auto first = repo.unacked.begin(); first != repo.unacked.end() && first->first < event.id) {
    const bool may_go_with_it = !alone && !first->second.goes_alone && first->second.rev >= rev;
    if (!may_go_with_it) blame("told while " + std::to_string(first->first) + " is unacked", event);
  }
  repo.unacked.try_emplace(event.id, Unacked{alone, rev});
}

void Judge::acking(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  Seen* seen = find(id);
  if (seen == nullptr) return;
  seen->acked_in = life_;
  seen->repo->unacked.erase(id);
}

void Judge::begin_life() {
  const std::lock_guard lock(mutex_);
  ++life_;
  for (auto& [did, repo] : repos_) repo.last_barrier_of_life = 0;
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
  if (found == repos_.end() || found->second.last_id == 0) return did + ": nothing was told of it";
  const Repo& repo = found->second;
  if (repo.is_active != truth.is_active) return did + ": the account's status was not told";
  if (!truth.is_active) return {};
  for (const auto& [path, cid] : truth.records) {
    const auto told = repo.records.find(path);
    if (told == repo.records.end()) return did + " " + path + ": not told";
    if (told->second != cid) return did + " " + path + ": an old version is the last that was told";
  }
  for (const auto& [path, cid] : repo.records) {
    if (truth.records.contains(path) || (repo.anew && truth.deleted.contains(path))) continue;
    return did + " " + path + ": its delete was not told";
  }
  return {};
}

void Judge::settle(const std::string& did, const Truth& truth) {
  if (!truth.is_active) return;
  const std::lock_guard lock(mutex_);
  Repo& repo = repos_[did];
  repo.records = truth.records;
  repo.anew = false;
}

void Judge::forget(const std::string& did) {
  const std::lock_guard lock(mutex_);
  repos_[did] = {};
}

void Judge::all_acked() {
  const std::lock_guard lock(mutex_);
  seen_before_ = std::exchange(seen_, {});
}

void Judge::all_done() {
  const std::lock_guard lock(mutex_);
  for (const auto& [did, repo] : repos_) {
    if (repo.unacked.empty() || !violation_.empty()) continue;
    violation_ = did + ": done with " + std::to_string(repo.unacked.begin()->first) + ", which nobody acked";
  }
  seen_ = {};
  seen_before_ = {};
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
