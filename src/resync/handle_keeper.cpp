// SPDX-License-Identifier: MIT
#include "tap/resync/handle_keeper.hpp"

#include "tap/base/log.hpp"

namespace tap::resync {
namespace {
constexpr log::Logger kLog("repo_manager");
}

HandleKeeper::HandleKeeper(Executor loop, repos::Table& table, ledger::Ledger& ledger, identity::Directory& directory,
                           metrics::Registry& metrics, std::size_t capacity)
    : table_(table),
      ledger_(ledger),
      directory_(directory),
      capacity_(capacity),
      arrival_(std::move(loop)),
      depth_(metrics.gauge("tap_handles_waiting", "Handles waiting to be verified")),
      dropped_(metrics.counter("tap_handles_dropped_total", "Handle checks dropped because too many waited")) {}

void HandleKeeper::check(atproto::Did did) {
  if (const auto checking = checking_.find(did); checking != checking_.end()) {
    checking->second = true;
    return;
  }
  if (waiting_.contains(did)) return;
  if (line_.size() >= capacity_) return dropped_.add();
  waiting_.insert(did);
  line_.push_back(std::move(did));
  depth_.set(static_cast<std::int64_t>(line_.size()));
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
    while (line_.empty()) co_await arrival_.wait();
    atproto::Did did = std::move(line_.front());
    line_.pop_front();
    waiting_.erase(did);
    depth_.set(static_cast<std::int64_t>(line_.size()));
    checking_.emplace(did, false);
    Departure departure(*this, did);
    co_await verify(std::move(did));
  }
}

Task<void> HandleKeeper::verify(atproto::Did did) {
  auto identity = co_await directory_.lookup(did);
  if (!identity) co_return;  // whoever needs the key reports it
  auto handle = co_await directory_.verified_handle(*identity);
  if (!handle) {
    kLog.debug("kept the last handle: it could not be verified this time", {{"did", did.str()}});
    co_return;
  }
  auto turn = ledger_.turn_of(did.str());
  co_await turn.turn();
  const auto id = table_.find(did.str());
  if (!id || superseded(did)) co_return;
  if (auto stored = co_await ledger_.set_handle(*id, std::move(*handle)); !stored) {
    kLog.warn("failed to store a handle", {{"did", did.str()}, {"error", stored.error().message()}});
  }
}

}  // namespace tap::resync
