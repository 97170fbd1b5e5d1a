// SPDX-License-Identifier: MIT
#include "tap/resync/resyncer.hpp"

#include "tap/async/slots.hpp"
#include "tap/base/log.hpp"
#include "tap/resync/error.hpp"

#include "resync/agenda.hpp"
#include "resync/claim.hpp"
#include "resync/failure.hpp"
#include "resync/fetch.hpp"
#include "resync/outage.hpp"
#include "resync/progress.hpp"
#include "resync/retry.hpp"
#include "resync/worker.hpp"

#include <boost/asio/cancellation_state.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("resyncer");

/// After a 429 that does not say how long.
constexpr std::chrono::seconds kUnnamedPause = 10s;
/// After trouble of our own: long enough that a full disk does not make us fetch in vain all the time.
constexpr std::chrono::milliseconds kOwnTrouble = 30s;

std::string what_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  }
}

class PoliteResyncer final : public Resyncer {
 public:
  PoliteResyncer(ResyncParts parts, verify::Filter filter, ResyncOptions options)
      : parts_(std::move(parts)),
        filter_(std::move(filter)),
        options_(std::move(options)),
        agenda_(parts_.loop, parts_.table, parts_.clock, parts_.metrics,
                {.fetches = options_.fetches, .per_host = options_.fetches_per_host}),
        workers_(parts_.loop, options_.parallelism, &parts_.metrics.queue("resync_workers", options_.parallelism)),
        jobs_(parts_.loop,
              [](std::string_view name, const std::exception_ptr& failure) {
                kLog.error("a resync ended with an exception", {{"task", name}, {"error", what_of(failure)}});
              }),
        fetcher_(parts_.http, parts_.cpu, parts_.clock, parts_.metrics,
                 {.timeout = options_.fetch_timeout,
                  .idle = options_.fetch_idle,
                  .max_bytes = options_.max_car_bytes,
                  .temporary_directory = options_.temporary_directory}),
        worker_(parts_, filter_, options_, jobs_),
        progress_(parts_.metrics) {}

  void wake(RepoId id) override { agenda_.add(id); }
  void retry_now(RepoId id) override { agenda_.hurry(id); }

  Task<void> run() override {
    std::exception_ptr ended;
    try {
      for (;;) {
        // An attempt may end before it waits for anything; then nobody would wake us for what stands behind it.
        for (auto starts = agenda_.next(); !starts.empty(); starts = agenda_.next()) {
          for (auto& start : starts) jobs_.spawn("resync", pursue(Attempt(agenda_, std::move(start))));
        }
        co_await agenda_.wait();
      }
    } catch (...) {
      ended = std::current_exception();
    }
    // The children are joined even though this coroutine is being cancelled.
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    jobs_.cancel();
    co_await jobs_.join();
    std::rethrow_exception(ended);
  }

 private:
  /// How long until the next try; none: as soon as the repo wants, or its host.
  using Delay = std::optional<std::chrono::milliseconds>;

  Task<void> pursue(Attempt attempt) {
    // Should a bug end it, the repo waits like after any trouble of our own.
    attempt.postpone(kOwnTrouble);
    attempt.postpone(co_await try_once(attempt));
  }

  /// One try at one repo, from whose host is it to what came of it.
  Task<Delay> try_once(Attempt& attempt) {
    const RepoId id = attempt.id();
    const auto did = parts_.table.did(id);
    if (!did || !agenda_.wants(id)) co_return std::nullopt;
    auto due = co_await postponed(attempt);
    if (!due) co_return kOwnTrouble;
    if (*due > 0ms) co_return *due;

    auto identity = co_await enter_host(attempt, *did);
    if (!identity) {
      progress_.failed(progress_.start(parts_.clock), parts_.clock);
      co_return co_await charge(attempt, *did, identity.error());
    }
    if (!*identity) {
      if (attempt.waits_for_pause()) co_await explain_pause(attempt.id(), *did);
      co_return std::nullopt;  // it waits for its host
    }
    parts_.check_handle(*did);
    auto claim = co_await claim_repo(attempt, *did);
    if (!claim) co_return kOwnTrouble;
    if (!*claim) co_return std::nullopt;  // it is wanted no more

    const auto watch = progress_.start(parts_.clock);
    auto settled = co_await resync(attempt, **claim, std::move(*identity));
    if (settled) {
      progress_.completed(watch, parts_.clock);
      report(*did, *settled);
      attempt.conclude();
      co_return settled->again;
    }
    if (settled.error() == Errc::rate_limited) {
      co_await explain(**claim, settled.error());
      attempt.park();
      co_return std::nullopt;
    }
    progress_.failed(watch, parts_.clock);
    // An account that went or came back meanwhile has made the answer void.
    if (!(*claim)->holds()) co_return std::nullopt;
    co_return co_await charge(attempt, *did, settled.error());
  }

  /// How long a repo that failed before this start has to wait still, as the database says; later the agenda knows.
  /// Never longer than it can have been told to: the wall clock may have been set back since.
  Task<Result<std::chrono::milliseconds>> postponed(Attempt& attempt) {
    const RepoId id = attempt.id();
    const auto repo = parts_.table.get(id);
    const bool on_agenda = !repo || repo->state == repos::State::pending || looked_up_.contains(id);
    if (attempt.hurried() || on_agenda) {
      looked_up_.insert(id);
      co_return 0ms;
    }
    auto details = co_await parts_.reader.details(id);
    if (!details) co_return std::unexpected(details.error());
    looked_up_.insert(id);
    if (!*details || (*details)->retry_after == 0) co_return 0ms;
    const WallTime due{std::chrono::seconds((*details)->retry_after)};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - parts_.clock.wall());
    co_return std::clamp(left, 0ms, longest_delay((*details)->retries));
  }

  /// The refreshed identity, once its PDS has room for a fetch; none when the repo was parked.
  Task<Result<identity::IdentityPtr>> enter_host(Attempt& attempt, atproto::Did did) {
    // What is cached says which host to wait for; only then is it worth a request to the directory.
    auto identity = parts_.directory.cached(did);
    if (identity && !identity->pds.empty() && !attempt.enter(identity->pds)) co_return nullptr;
    // Before it was parked it was fresh.
    if (!identity || !attempt.was_parked()) {
      if (did.method() == "web" && !attempt.ask_host()) co_return nullptr;
      auto refreshed = co_await parts_.directory.refresh(did);
      attempt.host_asked();
      const bool answered = refreshed || refreshed.error() != identity::Errc::unavailable;
      if (answered && did.method() == "plc") outage_.over();
      if (!refreshed) co_return std::unexpected(refreshed.error());
      identity = *refreshed;
    }
    if (identity->pds.empty()) co_return fail(Errc::no_pds);
    if (!identity->key) co_return fail(Errc::no_key, identity->key_error);
    if (!attempt.enter(identity->pds)) co_return nullptr;
    co_return identity;
  }

  /// Takes the repo in its DID's turn: from there on its live commits are buffered. None when it is wanted no more.
  Task<Result<std::optional<Claim>>> claim_repo(const Attempt& attempt, const atproto::Did& did) {
    auto turn = parts_.ledger.turn_of(did.str());
    co_await turn.turn();
    // What an earlier attempt left behind has gaps.
    auto left = co_await left_behind(attempt.id());
    if (!left) co_return std::unexpected(left.error());
    if (*left) {
      store::Write write;
      write.mutations.emplace_back(store::DropBuffered{attempt.id()});
      if (auto dropped = co_await parts_.writer.commit(std::move(write)); !dropped) {
        co_return std::unexpected(dropped.error());
      }
    }
    if (!agenda_.wants(attempt.id())) co_return std::nullopt;
    co_return Claim(parts_.table, parts_.ledger, attempt.id(), did, *parts_.table.get(attempt.id()));
  }

  /// Whether the database has live events of an earlier fetch of this repo. In the usual case that is known without a
  /// question to it.
  Task<Result<bool>> left_behind(RepoId id) {
    if (parts_.ledger.has_buffered(id)) co_return true;
    if (!inherited_) {
      auto count = co_await parts_.reader.buffered_count();
      if (!count) co_return std::unexpected(count.error());
      inherited_ = *count > 0;
    }
    if (!*inherited_) co_return false;
    auto left = co_await parts_.reader.buffered(id, 0, 1);
    if (!left) co_return std::unexpected(left.error());
    co_return !left->empty();
  }

  Task<Result<Worker::Settled>> resync(Attempt& attempt, Claim& claim, identity::IdentityPtr identity) {
    kLog.debug("fetching a repo", {{"did", claim.did().str()}, {"host", identity->pds}});
    auto answer = co_await fetcher_.fetch(identity->pds, claim.did());
    if (!answer.repo) {
      const Error& error = answer.repo.error();
      const bool hung = error == Errc::unreachable;
      attempt.leave(hung ? Hosts::Answer::none : Hosts::Answer::prompt);
      if (error == Errc::rate_limited) {
        const auto pause = answer.pause.value_or(kUnnamedPause);
        kLog.warn("a host wants to be left alone", {{"host", identity->pds}, {"seconds", pause.count()}});
        agenda_.pause(identity->pds, pause);
      }
      co_return std::unexpected(error);
    }
    // The place at the host is kept until the work begins: fetched repos do not pile up.
    auto signed_commit = co_await worker_.check_signature(claim, *answer.repo, std::move(identity));
    if (!signed_commit) {
      attempt.leave(Hosts::Answer::prompt);
      co_return std::unexpected(signed_commit.error());
    }
    const auto slot = co_await workers_.take();
    attempt.leave(Hosts::Answer::prompt);
    co_return co_await worker_.settle(claim, std::move(*answer.repo), std::move(*signed_commit));
  }

  /// Writes down that it failed, and when it is tried again.
  Task<Delay> charge(Attempt& attempt, const atproto::Did& did, const Error& error) {
    const Blame blame = blame_of(error, did);
    if (blame == Blame::nobody) co_return std::nullopt;
    if (blame == Blame::ours) {
      kLog.error("a resync failed for trouble of our own", {{"did", did.str()}, {"error", error.message()}});
      co_return kOwnTrouble;
    }
    if (blame == Blame::directory) {
      co_await explain(attempt.id(), did, error);
      co_return wait_for_directory(did, error);
    }
    auto turn = parts_.ledger.turn_of(did.str());
    co_await turn.turn();
    auto retry = co_await next_retry(parts_, attempt.id(), blame == Blame::lasting);
    if (!retry || !parts_.table.contains(attempt.id())) co_return kOwnTrouble;
    kLog.warn("failed to resync a repo", {{"did", did.str()}, {"retries", retry->retries}, {"error", error.message()}});
    store::Write write;
    write.mutations.emplace_back(store::DropBuffered{attempt.id()});
    write.mutations.emplace_back(
        store::SetState{attempt.id(), repos::State::error, error.message(), retry->retries, retry->after});
    auto written = co_await parts_.writer.commit(std::move(write));
    if (!written) co_return kOwnTrouble;
    parts_.table.set_state(attempt.id(), repos::State::error);
    parts_.ledger.note_failure(attempt.id(), blame == Blame::lasting);
    attempt.conclude();
    co_return retry->delay;
  }

  /// What a repo waits for that nobody is charged for is to be read in the database all the same. Should that fail,
  /// nothing is lost but a word.
  Task<void> explain(RepoId id, const atproto::Did& did, const Error& error) {
    auto turn = parts_.ledger.turn_of(did.str());
    co_await turn.turn();
    if (agenda_.wants(id)) co_await write_reason(id, parts_.table.get(id)->state, error);
  }
  Task<void> explain(const Claim& claim, const Error& error) {
    auto turn = parts_.ledger.turn_of(claim.did().str());
    co_await turn.turn();
    if (claim.holds()) co_await write_reason(claim.id(), claim.before().state, error);
  }
  /// Only where nothing has been said yet: what went wrong with the repo itself tells more.
  Task<void> explain_pause(RepoId id, const atproto::Did& did) {
    const auto details = co_await parts_.reader.details(id);
    if (details && *details && (*details)->error.empty()) co_await explain(id, did, Error(Errc::host_paused));
  }
  /// [turn] All else stays as it is.
  Task<void> write_reason(RepoId id, repos::State state, const Error& error) {
    const auto details = co_await parts_.reader.details(id);
    if (!details || !*details || (*details)->error == error.message()) co_return;
    store::Write write;
    write.mutations.emplace_back(
        store::SetState{id, state, error.message(), (*details)->retries, (*details)->retry_after});
    if (auto written = co_await parts_.writer.commit(std::move(write)); !written) {
      kLog.warn("failed to note why a repo waits", {{"error", written.error().message()}});
    }
  }

  /// Nobody is charged for the directory, and nobody asks it while it is surely down.
  std::chrono::milliseconds wait_for_directory(const atproto::Did& did, const Error& error) {
    const SteadyTime now = parts_.clock.steady();
    if (const auto wait = outage_.failed(did, now)) {
      kLog.warn("the directory does not answer: resyncs wait for it",
                {{"seconds", std::chrono::ceil<std::chrono::seconds>(*wait).count()}, {"error", error.message()}});
      agenda_.pause_probes(*wait);
    }
    return outage_.retry_delay(now) + parts_.jitter.below(5s);
  }

  static void report(const atproto::Did& did, const Worker::Settled& settled) {
    kLog.info("resynced a repo", {{"did", did.str()},
                                  {"rev", settled.head.rev.str()},
                                  {"size", settled.head.records},
                                  {"count", settled.changes}});
  }

  ResyncParts parts_;
  verify::Filter filter_;
  ResyncOptions options_;
  Agenda agenda_;
  repos::IdSet looked_up_;         // whose retry time was read from the database, or does not matter any more
  std::optional<bool> inherited_;  // an earlier process left live events behind; asked before the first are kept
  Outage outage_;
  async::Slots workers_;
  async::TaskGroup jobs_;
  Fetcher fetcher_;
  Worker worker_;
  Progress progress_;
};

}  // namespace

std::unique_ptr<Resyncer> make_resyncer(ResyncParts parts, verify::Filter filter, ResyncOptions options) {
  return std::make_unique<PoliteResyncer>(std::move(parts), std::move(filter), std::move(options));
}

}  // namespace tap::resync
