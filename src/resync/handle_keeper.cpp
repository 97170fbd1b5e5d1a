// SPDX-License-Identifier: MIT
#include "tap/resync/handle_keeper.hpp"

#include "tap/base/log.hpp"

#include "resync/handle_retries.hpp"

#include <algorithm>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("repo_manager");
constexpr std::chrono::milliseconds kJitter = 1min;

}  // namespace

HandleKeeper::HandleKeeper(Executor loop, repos::Table& table, ledger::Ledger& ledger, identity::Directory& directory,
                           const Clock& clock, Jitter& jitter, metrics::Registry& metrics, std::size_t capacity)
    : table_(table),
      ledger_(ledger),
      directory_(directory),
      clock_(clock),
      jitter_(jitter),
      capacity_(capacity),
      retries_(std::make_unique<HandleRetries>(capacity)),
      arrival_(std::move(loop)),
      depth_(metrics.queue("handles", capacity)),
      retrying_(metrics.queue("handle_retries", 0)),
      put_off_(metrics.counter("tap_handles_put_off_total", "Handle checks put off because too many waited")) {}

HandleKeeper::~HandleKeeper() = default;

void HandleKeeper::check(atproto::Did did) {
  if (const auto checking = checking_.find(did); checking != checking_.end()) {
    checking->second = true;
    return;
  }
  if (waiting_.contains(did)) return;
  if (line_.size() < capacity_) {
    waiting_.insert(did);
    line_.push_back(std::move(did));
  } else if (const auto id = table_.find(did.str())) {
    put_off_.add();
    retries_->put_off(*id, clock_.steady());
  }
  show();
  arrival_.notify_one();
}

/// Ends a check; one that was asked for meanwhile follows, behind the others.
class HandleKeeper::Departure {
 public:
  Departure(HandleKeeper& owner, atproto::Did did) : owner_(owner), did_(std::move(did)) {}
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
  ~Departure() {
    const bool again = owner_.superseded(did_);
    owner_.checking_.erase(did_);
    if (again) owner_.check(std::move(did_));
  }

 private:
  HandleKeeper& owner_;
  atproto::Did did_;
};

Task<void> HandleKeeper::run() {
  for (;;) {
    if (auto did = next()) {
      co_await check_now(std::move(*did));
    } else {
      co_await wait();
    }
  }
}

std::optional<atproto::Did> HandleKeeper::next() {
  retry_was_last_ = !retry_was_last_;
  auto did = retry_was_last_ ? due_again() : first_in_line();
  if (!did) did = retry_was_last_ ? first_in_line() : due_again();
  show();
  return did;
}

std::optional<atproto::Did> HandleKeeper::first_in_line() {
  if (line_.empty()) return std::nullopt;
  atproto::Did did = std::move(line_.front());
  line_.pop_front();
  waiting_.erase(did);
  return did;
}

std::optional<atproto::Did> HandleKeeper::due_again() {
  while (const auto id = retries_->take(clock_.steady())) {
    auto did = table_.did(*id);
    if (!did) {
      retries_->done(*id);
    } else if (!waiting_.contains(*did) && !checking_.contains(*did)) {
      return did;
    }  // else the check that is to come decides
  }
  return std::nullopt;
}

Task<void> HandleKeeper::wait() {
  const auto due = retries_->next_due();
  if (!due) co_return co_await arrival_.wait();
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.steady());
  (void)co_await arrival_.wait_for(std::max(1ms, pause));
}

Task<void> HandleKeeper::check_now(atproto::Did did) {
  const auto id = table_.find(did.str());
  if (!id) co_return;
  checking_.emplace(did, false);
  Departure departure(*this, did);
  if (co_await verify(*id, did)) {
    retries_->done(*id);
  } else {
    retries_->failed(*id, clock_.steady(), jitter_.below(kJitter));
  }
}

Task<bool> HandleKeeper::verify(repos::RepoId id, atproto::Did did) {
  auto identity = co_await directory_.lookup(did);
  // Whoever needs the key reports it.
  if (!identity) co_return identity.error() != identity::Errc::unavailable;
  auto handle = co_await directory_.verified_handle(*identity);
  if (!handle) {
    kLog.debug("kept the last handle: it could not be verified this time", {{"did", did.str()}});
    co_return false;
  }
  auto turn = ledger_.turn_of(did.str());
  co_await turn.turn();
  if (table_.find(did.str()) != id || superseded(did)) co_return true;
  auto stored = co_await ledger_.set_handle(id, std::move(*handle));
  if (!stored) kLog.warn("failed to store a handle", {{"did", did.str()}, {"error", stored.error().message()}});
  co_return stored.has_value();
}

void HandleKeeper::show() const {
  depth_.set(static_cast<std::int64_t>(line_.size()));
  retrying_.set(static_cast<std::int64_t>(retries_->waiting()));
}

}  // namespace tap::resync
