// SPDX-License-Identifier: MIT
// A frame on its whole way: head, payload, kept and taken up again, verified, decided on, rendered for consumers.
#include "tap/ledger/buffered.hpp"
#include "tap/outbox/event.hpp"
#include "tap/verify/decide.hpp"
#include "tap/verify/sync.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/account.hpp"

#include <nlohmann/json.hpp>

using namespace tap;
using atproto::EventKind;
using atproto::FrameHead;

namespace {

const atproto::PublicKey& key() {
  static const test::Account account(1);
  static const atproto::PublicKey key = account.key().public_key();
  return key;
}

void check_rendered(const outbox::Draft& draft, std::string_view did) {
  fuzz::require(nlohmann::json::accept("{\"id\":1" + draft.body));
  fuzz::require(draft.lane == outbox::lane_of(did) && outbox::subject_of(draft.body).did == did);
}

void check_kept(const FrameHead& head) {
  const Bytes kept = ledger::pack_buffered(head.kind, head.body);
  const auto taken_up = ledger::unpack_buffered(kept);
  fuzz::require(taken_up && taken_up->kind == head.kind && as_text(taken_up->body) == as_text(head.body));
}

void follow_commit(const FrameHead& head) {
  check_kept(head);
  const auto event = atproto::decode_commit(head.body);
  if (!event) return;
  fuzz::require(atproto::read_event_time(head.body) == event->time);
  const auto commit = verify::check_commit(*event, key(), {});
  if (!commit) return;
  fuzz::require(commit->did.str() == event->repo && commit->rev.str() == event->rev);
  const repos::Repo repo{repos::State::active, repos::Account::active,
                         repos::Head{commit->since.value_or(atproto::Tid()), commit->prev_data, 0}};
  const WallTime then{std::chrono::microseconds(commit->rev.micros())};
  const auto outcome = verify::decide(repo, *commit, then);
  fuzz::require((outcome.verdict == verify::Verdict::apply) == (commit->since && commit->rev > *commit->since));
  for (const verify::RecordOp& op : commit->ops) {
    check_rendered(outbox::render({.live = true,
                                   .did = event->repo,
                                   .rev = event->rev,
                                   .collection = op.collection,
                                   .rkey = op.rkey,
                                   .action = "create",
                                   .record_json = op.record_json,
                                   .cid = op.cid ? &*op.cid : nullptr}),
                   event->repo);
  }
}

void follow_sync(const FrameHead& head) {
  check_kept(head);
  const auto event = atproto::decode_sync(head.body);
  if (!event) return;
  fuzz::require(atproto::read_event_time(head.body) == event->time);
  const auto commit = verify::check_sync(*event, key());
  if (commit) fuzz::require(commit->did.str() == event->did && commit->rev.str() == event->rev);
}

void follow_identity(const FrameHead& head) {
  const auto event = atproto::decode_identity(head.body);
  if (!event || !atproto::is_did(event->did)) return;
  check_rendered(outbox::render({.did = event->did, .handle = event->handle.value_or(""), .status = "active"}),
                 event->did);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto head = atproto::read_frame_head({data, size});
  if (!head) return 0;
  if (head->kind == EventKind::commit) follow_commit(*head);
  if (head->kind == EventKind::sync) follow_sync(*head);
  if (head->kind == EventKind::identity) follow_identity(*head);
  return 0;
}
