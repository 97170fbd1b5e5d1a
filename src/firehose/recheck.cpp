// SPDX-License-Identifier: MIT
#include "tap/firehose/recheck.hpp"

#include "tap/atproto/event.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/log.hpp"
#include "tap/ledger/buffered.hpp"

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
constexpr std::chrono::milliseconds kRetry{1'000};
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

Recheck::Recheck(Executor loop, repos::Table& table, ledger::Ledger& ledger, store::Writer& writer,
                 store::Reader& reader, metrics::Registry& metrics, RecheckOptions options)
    : table_(table),
      ledger_(ledger),
      writer_(writer),
      reader_(reader),
      options_(options),
      begun_(std::move(loop)),
      rounds_(
          metrics.counter("tap_recheck_rounds_total", "Gaps in the stream after which all repos are fetched again")),
      marked_(metrics.counter("tap_recheck_repos_total", "Repos marked to be fetched again after such a gap")),
      left_(metrics.gauge("tap_recheck_left", "Repo numbers still to be looked at after such a gap")) {}

Task<Result<void>> Recheck::begin() {
  const std::size_t repos = table_.count(repos::State::active) + table_.count(repos::State::resyncing);
  if (repos == 0) co_return Result<void>{};                     // what is fetched later has no gap
  round_.begin(static_cast<std::uint64_t>(table_.allocate()));  // above all of them; names none
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
      kLog.warn("failed to mark a repo", {{"error", advanced.error().message()}});
      co_await async::sleep_for(kRetry);
    }
  }
}

Task<void> Recheck::load() {
  for (unsigned attempt = 0;; ++attempt) {
    auto text = co_await reader_.cursor(std::string(kCursorKind), std::string(kCursorKey));
    if (text) {
      // A round that has begun meanwhile comprises all that was left of it.
      if (round_.over()) round_ = Round::parse(*text);
      show();
      co_return;
    }
    co_await async::sleep_for(backoff(attempt, 10, kRetry));
  }
}

Task<Result<void>> Recheck::advance() {
  for (std::size_t scanned = 0; scanned < kScan && !round_.over(); ++scanned) {
    const RepoId id{round_.next};
    const auto repo = table_.get(id);
    const bool fetched = repo && (repo->state == repos::State::active || repo->state == repos::State::resyncing);
    if (fetched && repo->account == repos::Account::active) {
      show();
      if (auto marked = co_await mark(id, table_.did(id).value()); !marked) co_return marked;
      scanned = kScan;
    }
    if (round_.next == static_cast<std::uint64_t>(id)) round_.step();
  }
  show();
  if (++unsaved_ < kUnsaved && !round_.over()) co_return Result<void>{};
  unsaved_ = 0;
  if (round_.over()) kLog.info("all repos were marked to be fetched again");
  co_return co_await save();
}

Task<Result<void>> Recheck::mark(RepoId id, atproto::Did did) {
  auto turn = ledger_.turn_of(did.str());
  co_await turn.turn();
  const auto repo = table_.get(id);
  if (!repo) co_return Result<void>{};
  marked_.add();
  waiting_.push_back(id);
  if (repo->state == repos::State::resyncing) {
    // The fetch that is under way may be too old. At its end it comes upon this, cannot read it, and begins anew.
    co_return co_await ledger_.buffer(id, kAfterAll, ledger::pack_buffered(atproto::EventKind::commit, {}));
  }
  co_return co_await ledger_.desynchronize(id, "may lack events that the firehose has lost");
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
