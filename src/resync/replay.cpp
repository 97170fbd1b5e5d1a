// SPDX-License-Identifier: MIT
#include "resync/replay.hpp"

#include "tap/atproto/event.hpp"
#include "tap/ledger/buffered.hpp"
#include "tap/resync/error.hpp"
#include "tap/verify/commit.hpp"
#include "tap/verify/error.hpp"
#include "tap/verify/sync.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tap::resync {

Replay::Replay(repos::RepoId id, atproto::Did did, atproto::PublicKey key, const verify::Filter& filter,
               repos::Head snapshot, WallTime now)
    : id_(id), did_(std::move(did)), key_(std::move(key)), filter_(filter), head_(snapshot), now_(now) {}

std::span<const store::BufferedCommit> Replay::take(std::span<const store::BufferedCommit> buffered) {
  while (!buffered.empty() && bytes_ < kWriteBytes) {
    if (buffered.front().rev > head_.rev) take_one(buffered.front());
    if (broken_) return {};
    buffered = buffered.subspan(1);
  }
  return buffered;
}

void Replay::move_to(store::Write& write) {
  if (!changes_.empty()) write.mutations.emplace_back(store::PutRecords{id_, std::exchange(changes_, {})});
  std::ranges::move(events_, std::back_inserter(write.events));
  events_.clear();
  bytes_ = 0;
}

void Replay::take_one(const store::BufferedCommit& event) {
  const auto unpacked = ledger::unpack_buffered(event.commit);
  if (!unpacked) {
    break_off(unpacked.error());
  } else if (unpacked->body.empty()) {
    break_off(Errc::missed);
  } else if (unpacked->kind == atproto::EventKind::commit) {
    take_commit(unpacked->body);
  } else {
    take_sync(unpacked->body);
  }
}

void Replay::take_commit(ByteView body) {
  auto event = atproto::decode_commit(body);
  if (!event) return break_off(event.error());
  auto commit = verify::check_commit(*event, key_, filter_);
  if (!commit) return break_off(commit.error());
  if (commit->did != did_) return break_off({verify::Errc::mismatch, "a commit of " + commit->did.str()});
  if (!accept(verify::decide(repo(), *commit, now_))) return;
  auto advance = ledger::advance_of(id_, head_, *commit);
  head_ = advance.head;
  std::ranges::move(advance.changes, std::back_inserter(changes_));
  const std::size_t before = events_.size();
  ledger::append_events(events_, *commit, true);
  for (std::size_t i = before; i < events_.size(); ++i) bytes_ += events_[i].body.size();
}

void Replay::take_sync(ByteView body) {
  auto event = atproto::decode_sync(body);
  if (!event) return break_off(event.error());
  auto commit = verify::check_sync(*event, key_);
  if (!commit) return break_off(commit.error());
  if (commit->did != did_) return break_off({verify::Errc::mismatch, "a commit of " + commit->did.str()});
  // The content is what we hold, under a newer rev.
  if (accept(verify::decide_sync(repo(), *commit, now_))) head_.rev = commit->rev;
}

bool Replay::accept(const verify::Outcome& outcome) {
  if (outcome.verdict == verify::Verdict::desynchronize) break_off(outcome.reason);
  return outcome.verdict == verify::Verdict::apply;
}

}  // namespace tap::resync
