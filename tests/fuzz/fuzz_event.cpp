// SPDX-License-Identifier: MIT
// Frames: what the head says, the whole payload says too; and a payload that decodes is canonical.
#include "tap/atproto/event.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/slow_cbor.hpp"

using namespace tap;

namespace {

template <class Event>
void check(const atproto::FrameHead& head, const Result<Event>& event, std::string_view Event::* did) {
  if (!event) return;
  fuzz::require(test::slow::is_canonical(head.body));
  // A payload may name a DID twice, as `did` and as `repo`; then the head has the first.
  const auto fields = std::get<test::slow::Map>(test::slow::decode(head.body)->data);
  if (!fields.contains("did") || !fields.contains("repo")) fuzz::require(head.did == (*event).*did);
  if (head.seq != 0) fuzz::require(head.seq == event->seq);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto head = atproto::read_frame_head({data, size});
  if (!head) return 0;
  switch (head->kind) {
    case atproto::EventKind::commit:
      check(*head, atproto::decode_commit(head->body), &atproto::CommitEvent::repo);
      break;
    case atproto::EventKind::sync:
      check(*head, atproto::decode_sync(head->body), &atproto::SyncEvent::did);
      break;
    case atproto::EventKind::identity:
      check(*head, atproto::decode_identity(head->body), &atproto::IdentityEvent::did);
      break;
    case atproto::EventKind::account:
      check(*head, atproto::decode_account(head->body), &atproto::AccountEvent::did);
      break;
    case atproto::EventKind::info:
      (void)atproto::decode_info(head->body);
      break;
    case atproto::EventKind::error:
      (void)atproto::decode_error(head->body);
      break;
    case atproto::EventKind::unknown:
      break;
  }
  return 0;
}
