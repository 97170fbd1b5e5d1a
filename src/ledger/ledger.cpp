// SPDX-License-Identifier: MIT
#include "tap/ledger/ledger.hpp"

#include "tap/base/log.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace tap::ledger {
namespace {

constexpr log::Logger kLog("repo_manager");

std::uint64_t line_of(std::string_view did) { return static_cast<std::uint64_t>(outbox::lane_of(did)); }

/// Enters all lines before awaiting any, each once, and holds them all.
std::vector<async::Turns::Ticket> enter_all(async::Turns& turns, const std::vector<atproto::Did>& dids) {
  std::unordered_set<std::uint64_t> lines;
  std::vector<async::Turns::Ticket> tickets;
  for (const atproto::Did& did : dids) {
    if (lines.insert(line_of(did.str())).second) tickets.push_back(turns.enter(line_of(did.str())));
  }
  return tickets;
}

outbox::Draft identity_event(std::string_view did, std::string_view handle, repos::Account account) {
  return outbox::render(outbox::IdentityEvent{
      .did = did, .handle = handle, .status = repos::name(account), .is_active = account == repos::Account::active});
}

}  // namespace

Ledger::Ledger(Executor loop, repos::Table& table, store::Writer& writer, store::Reader& reader,
               metrics::Registry& metrics, BufferLimits limits, std::size_t removals)
    : table_(table),
      writer_(writer),
      reader_(reader),
      turns_(std::move(loop)),
      wake_([](RepoId) {}),
      limits_(limits),
      most_removed_(removals),
      overflows_(metrics.counter("tap_resync_buffer_overflows_total",
                                 "Fetches during which more live events came than are kept")) {}

void Ledger::on_work(std::function<void(RepoId)> wake) { wake_ = std::move(wake); }

async::Turns::Ticket Ledger::turn_of(std::string_view did) { return turns_.enter(line_of(did)); }

Task<Result<std::size_t>> Ledger::track(std::vector<atproto::Did> dids) {
  // What is tracked, and stays so, is left alone: the turn of one may be minutes away, and the others would be held
  // as long.
  std::erase_if(dids, [this](const atproto::Did& did) { return table_.find(did.str()) && !removing_.contains(did); });
  auto tickets = enter_all(turns_, dids);
  for (auto& ticket : tickets) co_await ticket.turn();

  store::Write write;
  std::vector<std::pair<RepoId, atproto::Did>> added;
  std::unordered_set<std::string_view> seen;
  for (const atproto::Did& did : dids) {
    if (table_.find(did.str()) || !seen.insert(did.str()).second) continue;
    added.emplace_back(table_.allocate(), did);
    write.mutations.emplace_back(store::AddRepo{added.back().first, did});
  }
  if (added.empty()) co_return std::size_t{0};
  auto committed = co_await writer_.commit(std::move(write));
  if (!committed) co_return std::unexpected(committed.error());
  for (const auto& [id, did] : added) {
    table_.add(id, did, repos::Repo{});
    blank_.insert(id);
    unnamed_.insert(id);
    wake_(id);
  }
  co_return added.size();
}

/// Tells of what is to be removed, also while that waits for its turn.
class Ledger::Removing {
 public:
  Removing(Ledger& ledger, const std::vector<atproto::Did>& dids) : all_(ledger.removing_), mine_(dids) {
    all_.insert(mine_.begin(), mine_.end());
  }
  Removing(const Removing&) = delete;
  Removing& operator=(const Removing&) = delete;
  ~Removing() {
    for (const atproto::Did& did : mine_) all_.erase(all_.find(did));
  }

 private:
  std::unordered_multiset<atproto::Did>& all_;
  const std::vector<atproto::Did>& mine_;
};

Task<Result<void>> Ledger::untrack(std::vector<atproto::Did> dids) {
  const Removing removing(*this, dids);
  auto tickets = enter_all(turns_, dids);
  for (auto& ticket : tickets) co_await ticket.turn();

  store::Write write;
  std::vector<Removed> removed;
  for (const atproto::Did& did : dids) {
    const auto id = table_.find(did.str());
    if (!id) continue;
    removed.push_back(take_out(*id));
    write.mutations.emplace_back(store::RemoveRepo{*id});
  }
  if (removed.empty()) co_return Result<void>{};
  auto committed = co_await writer_.commit(std::move(write));
  for (Removed& repo : removed) committed ? reset_buffer(repo.id) : put_back(std::move(repo));
  co_return committed;
}

void Ledger::inherit_events() {
  inherited_events_ = true;
  removed_lines_ = {};  // they say nothing more
}

bool Ledger::may_have_returned(std::string_view did) const {
  return inherited_events_ || removed_lines_.contains(line_of(did));
}

Ledger::Removed Ledger::take_out(RepoId id) {
  Removed removed{id, table_.did(id).value(), table_.get(id).value()};
  table_.remove(id);
  if (!inherited_events_) removed_lines_.insert(line_of(removed.did.str()));
  // To remember too many is not worth it: then any repo may have returned.
  if (removed_lines_.size() > most_removed_) inherit_events();
  seen_revs_.forget(id);
  blank_.erase(id);
  unnamed_.erase(id);
  refused_.erase(id);
  return removed;
}

void Ledger::put_back(Removed removed) {
  // Its events were passed over meanwhile; and a fetch that was under way has stopped, or stops when it sees this.
  const repos::State state = removed.repo.state;
  if (state == repos::State::resyncing || state == repos::State::active) {
    removed.repo.state = repos::State::desynchronized;
  }
  table_.add(removed.id, removed.did, removed.repo);
  wake_(removed.id);
}

void Ledger::encourage(RepoId id) {
  const auto repo = table_.get(id);
  if (repo && repo->state == repos::State::error && repo->account == repos::Account::active) wake_(id);
}

void Ledger::encourage_by_event(RepoId id) {
  if (!refused_.contains(id)) encourage(id);
}

void Ledger::note_failure(RepoId id, bool refused) {
  if (refused) {
    refused_.insert(id);
  } else {
    refused_.erase(id);
  }
}

Task<Result<void>> Ledger::advance(RepoId id, verify::VerifiedCommit commit) {
  const auto repo = table_.get(id);
  if (!repo) co_return Result<void>{};
  auto advance = advance_of(id, repo->head.value_or(repos::Head{}), commit);
  const repos::Head head = advance.head;
  store::Write write;
  append_events(write.events, commit, true);
  write.mutations.emplace_back(std::move(advance));
  auto committed = co_await writer_.commit(std::move(write));
  if (committed) table_.set_head(id, head);
  co_return committed;
}

Task<Result<void>> Ledger::touch(RepoId id, atproto::Tid rev) {
  const auto repo = table_.get(id);
  if (!repo || !repo->head) co_return Result<void>{};
  repos::Head head = *repo->head;
  head.rev = rev;
  store::Write write;
  write.mutations.emplace_back(store::AdvanceHead{id, head, {}});
  auto committed = co_await writer_.commit(std::move(write));
  if (committed) table_.set_head(id, head);
  co_return committed;
}

Task<Result<void>> Ledger::desynchronize(RepoId id, std::string reason) {
  const auto repo = table_.get(id);
  if (!repo || repo->state != repos::State::active) co_return Result<void>{};
  store::Write write;
  write.mutations.emplace_back(store::SetState{id, repos::State::desynchronized, std::move(reason), 0, 0});
  auto committed = co_await writer_.commit(std::move(write));
  if (committed && table_.set_state(id, repos::State::desynchronized)) wake_(id);
  co_return committed;
}

Task<Result<void>> Ledger::set_account(RepoId id, repos::Account account) {
  const auto before = table_.get(id);
  if (!before || before->account == account) co_return Result<void>{};
  auto details = co_await reader_.details(id);
  if (!details) co_return std::unexpected(details.error());
  const std::string handle = *details ? (*details)->handle : std::string();
  const auto repo = table_.get(id);
  const auto did = table_.did(id);
  if (!repo || !did) co_return Result<void>{};
  if (account == repos::Account::deleted) co_return co_await remove_deleted(id, handle);

  store::Write write;
  write.mutations.emplace_back(store::SetAccount{id, account});
  // What it wrote while it was away was not followed: fetch it whole, and at once, also when a restart comes first and
  // whatever it had to wait for until now.
  const bool back = account == repos::Account::active;
  const bool fetch = back && repo->state != repos::State::pending;
  if (fetch) {
    write.mutations.emplace_back(store::SetState{id, repos::State::desynchronized, "account is active again", 0, 0});
  }
  write.events.push_back(identity_event(did->str(), handle, account));
  auto committed = co_await writer_.commit(std::move(write));
  if (!committed) co_return committed;
  table_.set_account(id, account);
  // A fetch under way does not know what was ignored meanwhile, and must not tell of an account that is gone.
  if (fetch || repo->state == repos::State::resyncing) table_.set_state(id, repos::State::desynchronized);
  if (back) wake_(id);
  co_return committed;
}

Task<Result<void>> Ledger::remove_deleted(RepoId id, std::string handle) {
  auto removed = take_out(id);
  store::Write write;
  write.mutations.emplace_back(store::RemoveRepo{id});
  write.events.push_back(identity_event(removed.did.str(), handle, repos::Account::deleted));
  auto committed = co_await writer_.commit(std::move(write));
  committed ? reset_buffer(id) : put_back(std::move(removed));
  co_return committed;
}

bool Ledger::take_blank(RepoId id) { return blank_.erase(id); }

Task<Result<void>> Ledger::expect_handle(RepoId id) {
  store::Write write;
  write.mutations.emplace_back(store::ExpectHandle{id});
  co_return co_await writer_.commit(std::move(write));
}

Task<Result<void>> Ledger::set_handle(RepoId id, std::string handle) {
  if (handle.empty()) handle = atproto::kInvalidHandle;
  bool differs = unnamed_.erase(id);
  if (!differs) {
    auto details = co_await reader_.details(id);
    if (!details) co_return std::unexpected(details.error());
    if (!*details) co_return Result<void>{};
    differs = (*details)->handle != handle;
    if (!differs && !(*details)->handle_due) co_return Result<void>{};
  }
  const auto repo = table_.get(id);
  const auto did = table_.did(id);
  if (!repo || !did) co_return Result<void>{};
  store::Write write;
  if (differs) write.events.push_back(identity_event(did->str(), handle, repo->account));
  write.mutations.emplace_back(store::SetHandle{id, std::move(handle)});
  co_return co_await writer_.commit(std::move(write));
}

Task<Result<void>> Ledger::buffer(RepoId id, atproto::Tid rev, Bytes event) {
  const auto did = table_.did(id);
  if (!did) co_return Result<void>{};
  const Tally tally = tallies_[id];
  if (tally.overflowed) co_return Result<void>{};
  const std::size_t bytes = tally.bytes + event.size();
  const bool fits = tally.events < limits_.events && bytes <= limits_.bytes;

  store::Write write;
  if (fits) {
    write.mutations.emplace_back(store::BufferCommit{id, rev, std::move(event)});
  } else {
    write.mutations.emplace_back(store::DropBuffered{id});
  }
  auto written = co_await writer_.commit(std::move(write));
  if (!written) co_return written;
  tallies_[id] = {tally.events + 1, bytes, !fits};
  if (!fits) {
    overflows_.add();
    kLog.warn("too many live events during a fetch: the repo will be fetched again",
              {{"did", did->str()}, {"count", tally.events}, {"size", tally.bytes}});
  }
  co_return written;
}

bool Ledger::buffer_overflowed(RepoId id) const {
  const auto found = tallies_.find(id);
  return found != tallies_.end() && found->second.overflowed;
}

}  // namespace tap::ledger
