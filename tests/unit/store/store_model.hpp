// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tap::store {

/// What the database should say, in the plainest form.
struct Model {
  struct Repo {
    std::string did;
    repos::Repo repo;
    RepoDetails details;
    std::map<std::string, std::map<std::string, atproto::Cid>> records;
    std::vector<std::pair<atproto::Tid, Bytes>> buffered;
  };
  std::map<std::uint64_t, Repo> repos;
  std::map<std::uint64_t, std::string> events;
  std::map<std::uint64_t, std::string> letters;
  std::map<std::pair<std::string, std::string>, std::string> cursors;

  Repo* find(RepoId id) {
    const auto found = repos.find(static_cast<std::uint64_t>(id));
    return found == repos.end() ? nullptr : &found->second;
  }

  void apply(const Mutation& mutation) {
    std::visit([this](const auto& change) { this->apply(change); }, mutation);
  }
  void apply(const AddRepo& change) {
    for (const auto& [id, repo] : repos) {
      if (repo.did == change.did.str()) return;
    }
    Repo& repo = repos[static_cast<std::uint64_t>(change.id)];
    repo.did = change.did.str();
    repo.details.handle_due = true;
  }
  void apply(const RemoveRepo& change) { repos.erase(static_cast<std::uint64_t>(change.id)); }
  void apply(const SaveCursor& change) { cursors[{change.kind, change.key}] = change.value; }
  void apply(const SetAside& change) {
    const auto id = static_cast<std::uint64_t>(change.letter.event.id);
    events.erase(id);
    letters.try_emplace(id, change.letter.event.body);
  }
  void apply(const DropDeadLetters& change) {
    for (const outbox::EventId id : change.ids) letters.erase(static_cast<std::uint64_t>(id));
  }
  template <class Change>
  void apply(const Change& change) {
    if (Repo* repo = find(change.id)) apply(*repo, change);
  }
  static void apply(Repo& repo, const AdvanceHead& change) {
    repo.repo.head = change.head;
    put(repo, change.changes);
  }
  static void apply(Repo& repo, const SetHead& change) { repo.repo.head = change.head; }
  static void apply(Repo& repo, const PutRecords& change) { put(repo, change.changes); }
  static void apply(Repo& repo, const SetState& change) {
    repo.repo.state = change.state;
    repo.details.error = change.error;
    repo.details.retries = change.retries;
    repo.details.retry_after = change.retry_after;
  }
  static void apply(Repo& repo, const SetAccount& change) { repo.repo.account = change.account; }
  static void apply(Repo& repo, const ExpectHandle&) { repo.details.handle_due = true; }
  static void apply(Repo& repo, const SetHandle& change) {
    repo.details.handle = change.handle;
    repo.details.handle_due = false;
  }
  static void apply(Repo& repo, const BufferCommit& change) { repo.buffered.emplace_back(change.rev, change.commit); }
  static void apply(Repo& repo, const DropBuffered& change) {
    std::erase_if(repo.buffered, [&](const auto& kept) { return kept.first <= change.up_to; });
  }
  static void put(Repo& repo, const std::vector<RecordChange>& changes) {
    for (const auto& change : changes) {
      if (change.cid) {
        repo.records[change.collection].insert_or_assign(change.rkey, *change.cid);
      } else {
        repo.records[change.collection].erase(change.rkey);
      }
      if (repo.records[change.collection].empty()) repo.records.erase(change.collection);
    }
  }
};

}  // namespace tap::store
