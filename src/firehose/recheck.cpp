// SPDX-License-Identifier: MIT
#include "tap/firehose/recheck.hpp"

#include "tap/atproto/event.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/log.hpp"
#include "tap/ledger/buffered.hpp"

#include "firehose/account_status.hpp"

#include <charconv>

namespace tap::firehose {
namespace {

constexpr log::Logger kLog("firehose");
constexpr std::string_view kCursorKind = "recheck";
constexpr std::string_view kCursorKey = "repos";
/// Ids at a time that name no repo, or none that has to be fetched.
constexpr std::size_t kScan = 1'000;
/// After so many steps it is written down where the round stands: what a crash makes us do again.
constexpr std::size_t kUnsaved = 100;
constexpr unsigned kLongestRetry = 60;  // units
/// Questions about one account, over some six minutes; then it stays as it is.
constexpr unsigned kInVain = 10;
constexpr atproto::Tid kAfterAll{~std::uint64_t{0}};

}  // namespace

void Round::begin(std::uint64_t limit) {
  if (over()) {
    next = 0;
  } else {
    rest = next + 1;
  }
  end = limit;
}

void Round::step() {
  if (next < end) ++next;
  if (next < end || rest == 0) return;
  next = 0;
  end = rest;
  rest = 0;
}

std::string Round::str() const {
  if (over()) return {};
  return std::to_string(next) + ' ' + std::to_string(end) + ' ' + std::to_string(rest);
}

Round Round::parse(std::string_view text) {
  Round round;
  for (std::uint64_t* number : {&round.next, &round.end, &round.rest}) {
    if (text.starts_with(' ')) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    if (error != std::errc{}) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  return text.empty() && round.next <= round.end ? round : Round{};
}

Recheck::Recheck(const RecheckParts& parts, RecheckOptions options)
    : table_(parts.table),
      ledger_(parts.ledger),
      writer_(parts.writer),
      reader_(parts.reader),
      options_(std::move(options)),
      accounts_(std::make_unique<AccountStatus>(parts.http, options_.relay)),
      begun_(parts.loop),
      rounds_(parts.metrics.counter("tap_recheck_rounds_total",
                                    "Gaps in the stream after which all repos are fetched again")),
      marked_(parts.metrics.counter("tap_recheck_repos_total", "Repos marked to be fetched again after such a gap")),
      returned_(parts.metrics.counter("tap_recheck_accounts_total", "Accounts that came back in such a gap")),
      left_(parts.metrics.gauge("tap_recheck_left", "Repo numbers still to be looked at after such a gap")) {}

Recheck::~Recheck() = default;

Task<Result<void>> Recheck::begin() {
  const std::size_t repos = table_.count(repos::State::active) + table_.count(repos::State::resyncing);
  if (repos == 0) co_return Result<void>{};                     // what is fetched later has no gap
  round_.begin(static_cast<std::uint64_t>(table_.allocate()));  // above all of them; names none
  ledger_.watch_fetches();
  show();
  if (auto saved = co_await save(); !saved) co_return saved;
  rounds_.add();
  kLog.warn("all repos are fetched again in the background, for events were missed", {{"repos", repos}});
  begun_.notify_all();
  co_return Result<void>{};
}

Task<void> Recheck::run() {
  co_await load();
  for (;;) {
    while (round_.over()) co_await begun_.wait();
    co_await async::sleep_for(options_.pause);
    if (is_backed_up()) continue;
    if (auto advanced = co_await advance(); !advanced) {
      kLog.warn("failed to look at a repo behind a gap", {{"error", advanced.error().message()}});
      co_await async::sleep_for(backoff(in_vain_, kLongestRetry, options_.retry_unit));
    }
  }
}

Task<void> Recheck::load() {
  for (unsigned attempt = 0;; ++attempt) {
    auto text = co_await reader_.cursor(std::string(kCursorKind), std::string(kCursorKey));
    if (text) {
      // A round that has begun meanwhile comprises all that was left of it.
      if (round_.over()) {
        round_ = Round::parse(*text);
        if (!round_.over()) ledger_.watch_fetches();
      }
      show();
      co_return;
    }
    co_await async::sleep_for(backoff(attempt, kLongestRetry, options_.retry_unit));
  }
}

Task<Result<void>> Recheck::advance() {
  for (std::size_t scanned = 0; scanned < kScan && !round_.over(); ++scanned) {
    const RepoId id{round_.next};
    const auto repo = table_.get(id);
    const bool away = repo && repo->account != repos::Account::active;
    const bool fetched = repo && (repo->state == repos::State::active || repo->state == repos::State::resyncing);
    if (away || fetched) {
      show();
      const auto did = table_.did(id).value();
      auto done = away ? co_await ask_for(id, did) : co_await mark(id, did);
      if (!done) co_return done;
      scanned = kScan;
    }
    if (round_.next == static_cast<std::uint64_t>(id)) round_.step();
  }
  show();
  if (++unsaved_ < kUnsaved && !round_.over()) co_return Result<void>{};
  unsaved_ = 0;
  if (round_.over()) {
    ledger_.ignore_fetches();
    kLog.info("all repos were marked to be fetched again");
  }
  co_return co_await save();
}

Task<Result<void>> Recheck::mark(RepoId id, atproto::Did did) {
  auto turn = ledger_.turn_of(did.str());
  co_await turn.turn();
  const auto repo = table_.get(id);
  if (!repo || ledger_.has_begun_fetch(id)) co_return Result<void>{};  // what it brings is newer than the gap
  marked_.add();
  waiting_.push_back(id);
  if (repo->state == repos::State::resyncing) {
    // The fetch that is under way may be too old. At its end it comes upon this mark, and begins anew.
    co_return co_await ledger_.buffer(id, kAfterAll, ledger::pack_buffered(atproto::EventKind::commit, {}));
  }
  co_return co_await ledger_.desynchronize(id, "may lack events that the firehose has lost");
}

/// In the DID's turn: what the firehose says of the account comes before the answer, or behind it.
Task<Result<void>> Recheck::ask_for(RepoId id, atproto::Did did) {
  auto turn = ledger_.turn_of(did.str());
  co_await turn.turn();
  const auto active = co_await accounts_->is_active(did);
  if (!active && ++in_vain_ < kInVain) co_return std::unexpected(active.error());
  in_vain_ = 0;
  if (!active) {
    kLog.error("an account may be active again without our knowing: the relay does not answer",
               {{"did", did.str()}, {"error", active.error().message()}});
  }
  if (!active || !*active) co_return Result<void>{};
  auto changed = co_await ledger_.set_account(id, repos::Account::active);
  if (changed) returned_.add();
  co_return changed;
}

Task<Result<void>> Recheck::save() {
  store::Write write;
  write.mutations.emplace_back(store::SaveCursor{std::string(kCursorKind), std::string(kCursorKey), round_.str()});
  co_return co_await writer_.commit(std::move(write));
}

bool Recheck::is_backed_up() {
  std::erase_if(waiting_, [this](RepoId id) {
    const auto repo = table_.get(id);
    if (!repo || repo->account != repos::Account::active) return true;
    return repo->state != repos::State::desynchronized && repo->state != repos::State::resyncing;
  });
  return waiting_.size() >= options_.backlog;
}

void Recheck::show() { left_.set(static_cast<std::int64_t>(round_.left())); }

}  // namespace tap::firehose
