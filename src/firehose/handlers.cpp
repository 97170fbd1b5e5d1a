// SPDX-License-Identifier: MIT
#include "firehose/handlers.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/atproto/error.hpp"
#include "tap/base/log.hpp"
#include "tap/ledger/buffered.hpp"
#include "tap/verify/error.hpp"
#include "tap/verify/sync.hpp"

namespace tap::firehose {
namespace {

constexpr log::Logger kLog("firehose");

/// With another key the event might be good.
bool depends_on_key(const Error& error) {
  return error == atproto::Errc::signature_mismatch || error == atproto::Errc::signature_length ||
         error == atproto::Errc::signature_high_s || error == atproto::Errc::key_malformed;
}

constexpr atproto::Tid kAfterAll{~std::uint64_t{0}};

/// A did:web's host is its owner's: nobody waits for it for long.
constexpr unsigned kRetriesForHost = 1;

repos::Account account_of(const atproto::AccountEvent& event) {
  // `active` is authoritative; the status only says why not (8.4 item 17).
  if (event.active) return repos::Account::active;
  const auto known = repos::parse_account(event.status.value_or(""));
  return known && *known != repos::Account::active ? *known : repos::Account::inactive;
}

/// What a #commit asks for where it differs from a #sync.
struct CommitRules {
  const verify::Filter* filter;

  static auto decode(ByteView body) { return atproto::decode_commit(body); }
  static std::string_view did(const atproto::CommitEvent& event) { return event.repo; }
  static std::optional<atproto::Tid> shown_rev(const atproto::CommitEvent&, atproto::Tid rev) { return rev; }
  Result<verify::VerifiedCommit> check(const atproto::CommitEvent& event, const atproto::PublicKey& key) const {
    return verify::check_commit(event, key, *filter);
  }
  static auto decide(const repos::Repo& repo, const verify::VerifiedCommit& commit, WallTime now) {
    return verify::decide(repo, commit, now);
  }
  static auto apply(ledger::Ledger& ledger, repos::RepoId id, verify::VerifiedCommit commit) {
    return ledger.advance(id, std::move(commit));
  }
};

struct SyncRules {
  static auto decode(ByteView body) { return atproto::decode_sync(body); }
  static std::string_view did(const atproto::SyncEvent& event) { return event.did; }
  /// That of the commit it carries. The event's own may be another: the reference PDS gives the #sync of an importRepo
  /// a later one, which no repo will ever have.
  static std::optional<atproto::Tid> shown_rev(const atproto::SyncEvent& event, atproto::Tid /*rev*/) {
    if (event.blocks.size() > verify::kMaxSyncBlocks) return std::nullopt;
    const auto car = atproto::car::parse(event.blocks);
    if (!car) return std::nullopt;
    const auto root = car->blocks.find(car->root);
    if (root == car->blocks.end()) return std::nullopt;
    const auto commit = atproto::Commit::decode(root->second);
    return commit ? std::optional(commit->rev) : std::nullopt;
  }
  static Result<atproto::Commit> check(const atproto::SyncEvent& event, const atproto::PublicKey& key) {
    return verify::check_sync(event, key);
  }
  static auto decide(const repos::Repo& repo, const atproto::Commit& commit, WallTime now) {
    return verify::decide_sync(repo, commit, now);
  }
  /// The content is what we hold, under a newer rev.
  static auto apply(ledger::Ledger& ledger, repos::RepoId id, const atproto::Commit& commit) {
    return ledger.touch(id, commit.rev);
  }
};

}  // namespace

Handlers::Handlers(const ProcessorParts& parts, verify::Filter filter, std::chrono::milliseconds directory_patience)
    : parts_(parts),
      filter_(std::move(filter)),
      directory_patience_(directory_patience),
      invalid_(parts.metrics.counter("tap_firehose_events_invalid_total", "Events that failed verification")),
      ahead_(parts.metrics.counter("tap_firehose_future_revs_total", "Events dated more than five minutes ahead")),
      desynchronized_(parts.metrics.counter("tap_repos_desynchronized_total", "Repos marked to be fetched again")) {}

Task<Result<Effect>> Handlers::handle(const RoutedEvent& event, const Attempt& attempt) {
  // It may have been removed while the event waited for its turn.
  const auto id = parts_.table.find(event.did);
  if (!id) co_return Effect::none;
  switch (event.kind) {
    case atproto::EventKind::commit:
      co_return co_await on_state(*id, event, attempt, CommitRules{&filter_});
    case atproto::EventKind::sync:
      co_return co_await on_state(*id, event, attempt, SyncRules{});
    case atproto::EventKind::identity:
      co_return co_await on_identity(*id, event);
    case atproto::EventKind::account:
      co_return co_await on_account(*id, event);
    case atproto::EventKind::info:
    case atproto::EventKind::error:
    case atproto::EventKind::unknown:
      co_return Effect::none;
  }
  co_return Effect::none;
}

Task<Result<Effect>> Handlers::on_overflow(const RoutedEvent& event) {
  const auto id = parts_.table.find(event.did);
  if (!id) co_return Effect::none;
  co_return co_await mark(*id, event, Error(verify::Errc::data_missing, "too many events at once"));
}

Task<Result<void>> Handlers::vouch(const RoutedEvent& event) {
  if (event.kind == atproto::EventKind::commit) co_return co_await vouch_by(event, CommitRules{&filter_});
  co_return co_await vouch_by(event, SyncRules{});
}

template <class Rules>
Task<Result<void>> Handlers::vouch_by(const RoutedEvent& event, Rules rules) {
  const auto message = Rules::decode(event.body);
  if (!message) co_return std::unexpected(message.error());
  if (Rules::did(*message) != event.did) co_return fail(verify::Errc::mismatch, "two DIDs");
  auto checked = co_await check_with_key(event, rules, *message);
  if (!checked) co_return std::unexpected(checked.error());
  co_return Result<void>{};
}

template <class Rules, class Message>
auto Handlers::check_with_key(const RoutedEvent& event, Rules rules, const Message& message)
    -> Task<Checked<Rules, Message>> {
  const auto did = atproto::Did::parse(event.did);
  if (!did) co_return std::unexpected(did.error());
  identity::IdentityPtr identity = parts_.directory.cached(*did);
  if (!identity) {
    auto found = co_await parts_.directory.lookup(*did);
    if (!found) co_return std::unexpected(found.error());
    identity = *found;
  }
  for (bool refreshed = false;; refreshed = true) {
    Checked<Rules, Message> checked = fail(atproto::Errc::key_malformed, identity->key_error);
    if (identity->key) {
      checked = co_await parts_.cpu.run([&message, rules, key = *identity->key] { return rules.check(message, key); });
    }
    if (checked || refreshed || !depends_on_key(checked.error())) co_return checked;
    // The key may have been rotated and its #identity missed.
    auto fresh = co_await parts_.directory.refresh(*did);
    if (!fresh) co_return std::unexpected(fresh.error());
    if ((*fresh)->key == identity->key) co_return checked;
    identity = *fresh;
  }
}

template <class Rules>
Task<Result<Effect>> Handlers::on_state(RepoId id, const RoutedEvent& event, const Attempt& attempt, Rules rules) {
  auto message = Rules::decode(event.body);
  if (!message) co_return co_await distrust(id, event, message.error());
  if (Rules::did(*message) != event.did) {
    co_return co_await distrust(id, event, Error(verify::Errc::mismatch, "two DIDs"));
  }
  const auto rev = atproto::Tid::parse(message->rev);
  if (!rev) co_return co_await distrust(id, event, rev.error());
  auto effect = co_await on_rev(id, event, attempt, rules, *message, *rev);
  if (is_awaited(id)) note_rev(id, Rules::shown_rev(*message, *rev));
  co_return effect;
}

template <class Rules, class Message>
Task<Result<Effect>> Handlers::on_rev(RepoId id, const RoutedEvent& event, const Attempt& attempt, Rules rules,
                                      const Message& message, atproto::Tid rev) {
  const auto repo = parts_.table.get(id);
  if (!repo) co_return Effect::none;
  switch (verify::precheck(*repo, rev)) {
    case verify::Precheck::ignore:
      co_return Effect::none;
    case verify::Precheck::buffer:
      co_return co_await keep_for_resync(id, rev, event);
    case verify::Precheck::check:
      break;
  }

  auto verified = co_await check_with_key(event, rules, message);
  if (!verified) co_return co_await on_unverified(id, event, attempt, std::move(verified.error()));

  // The repo stands still while its turn is held.
  const auto outcome = Rules::decide(*repo, *verified, parts_.clock.wall());
  switch (outcome.verdict) {
    case verify::Verdict::ignore:
      co_return Effect::none;
    case verify::Verdict::desynchronize:
      if (outcome.reason == verify::Errc::future_rev) warn_of_clock(id, rev);
      co_return co_await mark(id, event, outcome.reason);
    case verify::Verdict::apply:
      break;
  }
  auto applied = co_await Rules::apply(parts_.ledger, id, std::move(*verified));
  if (!applied) co_return std::unexpected(applied.error());
  co_return Effect::durable;
}

Task<Result<Effect>> Handlers::on_identity(RepoId id, const RoutedEvent& event) {
  const auto did = atproto::Did::parse(event.did);
  if (!did) co_return Effect::none;
  // Keys are looked up anew when the next commit wants one; the handle in its own time, off this lane, and also when a
  // crash comes first.
  parts_.directory.purge(*did);
  if (auto expected = co_await parts_.ledger.expect_handle(id); !expected) co_return std::unexpected(expected.error());
  parts_.check_handle(*did);
  parts_.ledger.encourage(id);
  co_return Effect::durable;
}

Task<Result<Effect>> Handlers::on_account(RepoId id, const RoutedEvent& event) {
  auto account = atproto::decode_account(event.body);
  if (!account) {
    invalid_.add();
    kLog.warn("skipped a malformed event", {{"did", event.did}, {"error", account.error().message()}});
    co_return Effect::none;
  }
  const auto repo = parts_.table.get(id);
  if (!repo) co_return Effect::none;
  if (repo->account == account_of(*account)) {
    parts_.ledger.encourage(id);
    co_return Effect::none;
  }
  auto changed = co_await parts_.ledger.set_account(id, account_of(*account));
  if (!changed) co_return std::unexpected(changed.error());
  kLog.info("account status changed", {{"did", event.did}, {"status", repos::name(account_of(*account))}});
  co_return Effect::durable;
}

bool Handlers::worth_waiting(const RoutedEvent& event, const Attempt& attempt, const Error& error) const {
  if (error != identity::Errc::unavailable) return false;
  if (event.did.starts_with("did:web:")) return attempt.number < kRetriesForHost;
  return attempt.waited < directory_patience_;
}

Task<Result<Effect>> Handlers::on_unverified(RepoId id, const RoutedEvent& event, const Attempt& attempt, Error why) {
  if (worth_waiting(event, attempt, why)) co_return std::unexpected(std::move(why));
  co_return co_await distrust(id, event, why);
}

Task<Result<Effect>> Handlers::distrust(RepoId id, const RoutedEvent& event, const Error& why) {
  invalid_.add();
  co_return co_await mark(id, event, why);
}

Task<Result<Effect>> Handlers::mark(RepoId id, const RoutedEvent& event, const Error& why) {
  const auto repo = parts_.table.get(id);
  if (!repo || repo->account != repos::Account::active) co_return Effect::none;
  // The fetch that is under way may be too old. At its end it comes upon this, cannot read it, and begins anew.
  if (repo->state == repos::State::resyncing) co_return co_await keep_for_resync(id, kAfterAll, event);
  if (repo->state != repos::State::active) co_return Effect::none;  // it will be fetched anyway
  auto marked = co_await parts_.ledger.desynchronize(id, why.message());
  if (!marked) co_return std::unexpected(marked.error());
  desynchronized_.add();
  kLog.warn("repo will be fetched again", {{"did", event.did}, {"seq", event.seq}, {"error", why.message()}});
  co_return Effect::durable;
}

bool Handlers::is_awaited(RepoId id) const {
  const auto repo = parts_.table.get(id);
  return repo && repo->state != repos::State::active && repo->account == repos::Account::active;
}

void Handlers::note_rev(RepoId id, std::optional<atproto::Tid> rev) {
  const auto head = parts_.table.get(id)->head;
  const bool news = rev && (!head || *rev > head->rev);
  if (!news || verify::is_future(*rev, parts_.clock.wall())) return;
  parts_.ledger.seen_revs().saw(id, *rev);
  parts_.ledger.encourage_by_event(id);
}

void Handlers::warn_of_clock(RepoId id, atproto::Tid rev) {
  ahead_.add();
  if (!clock_doubt_.raise(id, parts_.clock.steady())) return;
  const std::chrono::microseconds at(static_cast<std::int64_t>(rev.micros()));
  const auto ahead = std::chrono::floor<std::chrono::seconds>(at - parts_.clock.wall().time_since_epoch());
  kLog.error("commits of many repos lie in the future: is the clock of this machine behind?",
             {{"seconds", ahead.count()}});
}

Task<Result<Effect>> Handlers::keep_for_resync(RepoId id, atproto::Tid rev, const RoutedEvent& event) {
  auto kept = co_await parts_.ledger.buffer(id, rev, ledger::pack_buffered(event.kind, event.body));
  if (!kept) co_return std::unexpected(kept.error());
  co_return Effect::durable;
}

}  // namespace tap::firehose
