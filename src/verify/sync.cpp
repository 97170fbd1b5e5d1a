// SPDX-License-Identifier: MIT
#include "tap/verify/sync.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/verify/decide.hpp"
#include "tap/verify/error.hpp"

#include "verify/root_commit.hpp"

namespace tap::verify {

Result<atproto::Commit> check_sync(const atproto::SyncEvent& event, const atproto::PublicKey& key) {
  if (event.blocks.size() > kMaxSyncBlocks) return fail(Errc::too_large, "blocks");
  if (!atproto::is_datetime(event.time)) return fail(Errc::malformed, "time");
  auto car = atproto::car::parse(event.blocks);
  if (!car) return std::unexpected(car.error());
  auto commit = root_commit(*car);
  if (!commit) return commit;
  if (commit->did.str() != event.did) return fail(Errc::mismatch, "the commit is of " + commit->did.str());
  if (commit->rev.str() != event.rev) return fail(Errc::mismatch, "the commit has rev " + commit->rev.str());
  if (auto verified = commit->verify(key); !verified) return std::unexpected(verified.error());
  return commit;
}

Result<atproto::Commit> check_snapshot(ByteView commit_block, const atproto::Did& did, const atproto::PublicKey& key,
                                       std::optional<atproto::Tid> held, WallTime now) {
  auto commit = atproto::Commit::decode(commit_block);
  if (!commit) return commit;
  if (commit->did != did) return fail(Errc::mismatch, "the commit is of " + commit->did.str());
  if (is_future(commit->rev, now)) return fail(Errc::future_rev, commit->rev.str());
  if (held && commit->rev < *held) return fail(Errc::older_rev, commit->rev.str() + " after " + held->str());
  if (auto verified = commit->verify(key); !verified) return std::unexpected(verified.error());
  return commit;
}

}  // namespace tap::verify
