// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/commit.hpp"
#include "tap/atproto/event.hpp"
#include "tap/atproto/keys.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/result.hpp"

#include <cstddef>
#include <optional>

namespace tap::verify {

/// Bytes of a #sync's blocks (protocol 7.5); one with more is too_large.
inline constexpr std::size_t kMaxSyncBlocks = 10'000;

/// The commit that a #sync carries, its DID and rev those of the event, its signature good (protocol 8.1, 8.4 item 12).
/// Pure.
[[nodiscard]] Result<atproto::Commit> check_sync(const atproto::SyncEvent& event, const atproto::PublicKey& key);

/// The commit of a fetched repo, before its tree is looked at: of this DID, neither older than `held` nor from the
/// future, signed (8.4 items 1, 13-15). Pure.
[[nodiscard]] Result<atproto::Commit> check_snapshot(ByteView commit_block, const atproto::Did& did,
                                                     const atproto::PublicKey& key, std::optional<atproto::Tid> held,
                                                     WallTime now);

}  // namespace tap::verify
