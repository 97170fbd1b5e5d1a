// SPDX-License-Identifier: MIT
#include "tap/ledger/buffered.hpp"

#include "tap/atproto/error.hpp"

namespace tap::ledger {
namespace {

// As they stand in the database: never change what is here.
constexpr std::uint8_t kCommit = 1;
constexpr std::uint8_t kSync = 2;

}  // namespace

Bytes pack_buffered(atproto::EventKind kind, ByteView body) {
  Bytes packed;
  packed.reserve(1 + body.size());
  packed.push_back(kind == atproto::EventKind::commit ? kCommit : kSync);
  packed.insert(packed.end(), body.begin(), body.end());
  return packed;
}

Result<Buffered> unpack_buffered(ByteView bytes) {
  if (bytes.empty()) return fail(atproto::Errc::event_malformed, "nothing was kept");
  const ByteView body = bytes.subspan(1);
  if (bytes.front() == kCommit) return Buffered{atproto::EventKind::commit, body};
  if (bytes.front() == kSync) return Buffered{atproto::EventKind::sync, body};
  return fail(atproto::Errc::event_malformed, "kept by a newer version");
}

}  // namespace tap::ledger
