// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/event.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

namespace tap::ledger {

/// An event kept while its repo is fetched, as it stands in the database: one byte for its kind, then its payload as
/// the relay sent it, to be verified when it is drained. Only #commit and #sync are kept. Without a payload it is a
/// mark: there were others, which were missed.
struct Buffered {
  atproto::EventKind kind{};
  ByteView body;  ///< into the unpacked bytes
};
[[nodiscard]] Bytes pack_buffered(atproto::EventKind kind, ByteView body);
/// event_malformed when the bytes are not of this form.
[[nodiscard]] Result<Buffered> unpack_buffered(ByteView bytes);

}  // namespace tap::ledger
