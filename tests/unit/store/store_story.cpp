// SPDX-License-Identifier: MIT
#include "unit/store/store_story.hpp"

#include "unit/store/backends.hpp"

#include <algorithm>
#include <iterator>

namespace tap::store {
namespace {

using outbox::EventId;
using repos::State;

constexpr std::size_t kAll = 1'000'000;
constexpr std::size_t kDids = 6;
const std::vector<std::string> kCollections = {"app.bsky.feed.post", "app.bsky.graph.follow", "com.example.thing"};
const std::vector<std::string> kRkeys = {"self", "3kb3fge5lm32w", "3kb3fge5lm32x", "3kb3fge5lm32x2", "-", "zz"};

std::size_t count(const Model::Repo& repo) {
  std::size_t records = 0;
  for (const auto& [collection, keys] : repo.records) records += keys.size();
  return records;
}

bool has(const Model::Repo& repo, const std::string& collection, const std::string& rkey) {
  const auto found = repo.records.find(collection);
  return found != repo.records.end() && found->second.contains(rkey);
}

}  // namespace

Result<EventId> take(Store& store, const Step& step) {
  const auto without_events = [](const Result<void>& done) -> Result<EventId> {
    if (!done) return std::unexpected(done.error());
    return EventId{};
  };
  switch (step.kind) {
    case Step::Kind::apply:
      return store.apply(step.writes, step.acked);
    case Step::Kind::fold:
      return without_events(store.fold());
    case Step::Kind::fold_slice:
      return without_events(store.fold_slice(step.max));
    case Step::Kind::sweep: {
      auto more = store.sweep();
      return without_events(more ? Result<void>() : std::unexpected(more.error()));
    }
    case Step::Kind::checkpoint:
      return without_events(store.checkpoint());
  }
  std::abort();  // the enum is closed
}

std::uint64_t StoreStory::below(std::uint64_t limit) {
  return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
}

Step StoreStory::next() {
  switch (below(10)) {
    case 0:
      return {.kind = Step::Kind::fold};
    case 1:
    case 2:
      return {.kind = Step::Kind::fold_slice, .max = 1 + below(6)};
    case 3:
      return {.kind = Step::Kind::sweep};
    case 4:
      return {.kind = Step::Kind::checkpoint};
    default:
      break;
  }
  Step step;
  for (std::uint64_t left = 1 + below(3); left > 0; --left) step.writes.push_back(some_write());
  for (const auto& [id, body] : model_.events) {
    if (below(3) != 0) step.acked.push_back(EventId{id});
  }
  return step;
}

void StoreStory::took(const Step& step, EventId first) {
  auto id = static_cast<std::uint64_t>(first);
  for (const Write& write : step.writes) {
    for (const outbox::Draft& event : write.events) model_.events[id++] = event.body;
  }
  for (const EventId acked : step.acked) model_.events.erase(static_cast<std::uint64_t>(acked));
}

void StoreStory::change(Write& write, Mutation mutation) {
  model_.apply(mutation);
  write.mutations.push_back(std::move(mutation));
}

RepoId StoreStory::pick_repo() {
  const auto chosen = std::next(model_.repos.begin(), static_cast<std::ptrdiff_t>(below(model_.repos.size())));
  return RepoId{chosen->first};
}

Write StoreStory::some_write() {
  Write write;
  if (model_.repos.size() < 2) {
    add(write);
    return write;
  }
  const RepoId id = pick_repo();
  const bool is_active = model_.find(id)->repo.state == State::active;
  switch (below(12)) {
    case 0:
      add(write);
      break;
    case 1:
      change(write, RemoveRepo{id});
      break;
    case 2:
      disturb(write, id);
      break;
    case 3:
      change(write, SaveCursor{"firehose", "wss://relay.example.com", std::to_string(++revs_)});
      break;
    case 4:
      set_aside(write);
      break;
    case 5:
      replay(write);
      break;
    default:
      is_active ? commit(write, id) : fetch(write, id);
  }
  return write;
}

void StoreStory::add(Write& write) {
  const atproto::Did did = did_of(below(kDids));
  change(write, AddRepo{RepoId{next_repo_++}, did});
}

std::vector<RecordChange> StoreStory::some_changes(const Model::Repo& repo) {
  std::vector<RecordChange> out;
  for (const std::string& rkey : kRkeys) {
    if (below(3) != 0) continue;
    const std::string& collection = kCollections[below(kCollections.size())];
    const bool is_gone = has(repo, collection, rkey) && below(2) == 0;
    out.push_back(is_gone ? erase(collection, rkey) : put(collection, rkey, below(1'000)));
  }
  return out;
}

repos::Head StoreStory::next_head(RepoId id) { return head_of(++revs_, count(*model_.find(id))); }

/// A batch of a resync, or its end.
void StoreStory::fetch(Write& write, RepoId id) {
  if (below(4) == 0) return change(write, BufferCommit{id, atproto::Tid(++revs_), Bytes(1 + below(5), 7)});
  const auto changes = some_changes(*model_.find(id));
  change(write, PutRecords{id, changes});
  tell(write, id, changes, false);
  if (below(2) == 0) return;
  change(write, SetHead{id, next_head(id)});
  change(write, DropBuffered{id});
  change(write, SetState{id, State::active, {}, 0, 0});
}

void StoreStory::commit(Write& write, RepoId id) {
  const auto changes = some_changes(*model_.find(id));
  Model::Repo after = *model_.find(id);
  Model::put(after, changes);
  change(write, AdvanceHead{id, head_of(++revs_, count(after)), changes});
  tell(write, id, changes, true);
}

void StoreStory::disturb(Write& write, RepoId id) {
  const std::string did = model_.find(id)->did;
  switch (below(3)) {
    case 0:
      change(write, SetState{id, below(2) == 0 ? State::desynchronized : State::error, "trouble",
                             static_cast<std::uint32_t>(below(9)), static_cast<std::int64_t>(below(1'000))});
      break;
    case 1:
      change(write, SetHandle{id, "h" + std::to_string(below(100)) + ".example.com"});
      write.events.push_back(outbox::render(outbox::IdentityEvent{
          .did = did, .handle = model_.find(id)->details.handle, .status = "active", .is_active = true}));
      break;
    default:
      change(write, SetAccount{id, below(2) == 0 ? repos::Account::active : repos::Account::suspended});
      change(write, ExpectHandle{id});
  }
}

void StoreStory::tell(Write& write, RepoId id, const std::vector<RecordChange>& changes, bool live) {
  const std::string padding = R"({"text":")" + std::string(200, '.') + "\"}";  // rows worth thinning
  for (const RecordChange& record : changes) {
    write.events.push_back(outbox::render(outbox::RecordEvent{.live = live,
                                                              .did = model_.find(id)->did,
                                                              .rev = "3kb3fge5lm32w",
                                                              .collection = record.collection,
                                                              .rkey = record.rkey,
                                                              .action = record.cid ? "create" : "delete",
                                                              .record_json = record.cid ? padding : "",
                                                              .cid = record.cid ? &*record.cid : nullptr}));
  }
}

void StoreStory::set_aside(Write& write) {
  if (model_.events.empty()) return;
  const auto [id, body] = *std::next(model_.events.begin(), static_cast<std::ptrdiff_t>(below(model_.events.size())));
  outbox::DeadLetter letter = store::letter(id, body, outbox::subject_of(body).did);
  letter.event.lane = outbox::lane_of(letter.did);
  change(write, SetAside{std::move(letter)});
}

void StoreStory::replay(Write& write) {
  if (model_.letters.empty()) return;
  const auto [id, body] = *model_.letters.begin();
  write.events.push_back({outbox::lane_of(outbox::subject_of(body).did), outbox::Order::barrier, body});
  change(write, DropDeadLetters{{EventId{id}}});
}

std::string read_back(Store& store) {
  Model model;
  store.fold().value();
  const auto queries = store.queries().value();
  std::ignore = store.load_repos([&](const RepoRow& row) {
    Model::Repo& repo = model.repos[static_cast<std::uint64_t>(row.id)];
    repo.did = row.did.str();
    repo.repo = row.repo;
  });
  for (auto& [number, repo] : model.repos) {
    const RepoId id{number};
    repo.details = *std::move(queries->details(id).value());
    for (const auto& collection : queries->collections(id).value()) {
      for (const auto& record : queries->records(id, collection, "", kAll).value()) {
        repo.records[collection].insert_or_assign(record.rkey, record.cid);
      }
    }
    for (const auto& row : queries->buffered(id, 0, kAll).value()) repo.buffered.emplace_back(row.rev, row.commit);
  }
  for (EventId after{};;) {
    const auto page = queries->events(after, kAll).value();
    if (page.empty()) break;
    for (const auto& event : page) model.events[static_cast<std::uint64_t>(event.id)] = event.body;
    after = page.back().id;
  }
  for (const auto& letter : queries->dead_letters("", EventId{}, kAll).value()) {
    model.letters[static_cast<std::uint64_t>(letter.event.id)] = letter.event.body;
  }
  const std::pair<std::string, std::string> firehose{"firehose", "wss://relay.example.com"};
  const std::string cursor = queries->cursor(firehose.first, firehose.second).value();
  if (!cursor.empty()) model.cursors[firehose] = cursor;
  return text_of(model);
}

std::string text_of(const Model& model) {
  std::string text;
  for (const auto& [id, repo] : model.repos) {
    const auto& [handle, error, retries, retry_after, handle_due] = repo.details;
    text += std::to_string(id) + " " + repo.did + " " + std::string(name(repo.repo.state)) + " " +
            std::string(name(repo.repo.account)) + " '" + handle + "' '" + error + "' " + std::to_string(retries) +
            " " + std::to_string(retry_after) + (handle_due ? " due" : "");
    if (const auto& head = repo.repo.head) {
      text += " at " + head->rev.str() + " " + head->data.str() + " " + std::to_string(head->records);
    }
    text += "\n";
    for (const auto& [collection, keys] : repo.records) {
      for (const auto& [rkey, cid] : keys) text += "  " + collection + "/" + rkey + " " + cid.str() + "\n";
    }
    for (const auto& [rev, commit] : repo.buffered) {
      text += "  buffered " + rev.str() + " " + std::to_string(commit.size()) + "\n";
    }
  }
  for (const auto& [id, body] : model.events) text += "event " + std::to_string(id) + body + "\n";
  for (const auto& [id, body] : model.letters) text += "letter " + std::to_string(id) + body + "\n";
  for (const auto& [key, value] : model.cursors) text += key.first + " " + key.second + " " + value + "\n";
  return text;
}

}  // namespace tap::store
