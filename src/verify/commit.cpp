// SPDX-License-Identifier: MIT
#include "tap/verify/commit.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/atproto/error.hpp"
#include "tap/verify/error.hpp"

#include "verify/operations.hpp"
#include "verify/root_commit.hpp"

namespace tap::verify {
namespace {

constexpr std::size_t kMaxBlocks = 2'000'000;
constexpr std::size_t kMaxOps = 200;
/// How much longer than the blocks the records of all operations may be together. Only those that are put in many
/// places make them longer, and one in 200 would make hundreds of megabytes of JSON of a commit.
constexpr std::size_t kMaxRepeated = std::size_t{64} << 10;

/// Step 1: what can be said of the event alone. Fills DID, rev and since.
Result<VerifiedCommit> check_envelope(const atproto::CommitEvent& event) {
  if (event.blocks.size() > kMaxBlocks) return fail(Errc::too_large, "blocks");
  if (event.ops.size() > kMaxOps) return fail(Errc::too_large, "ops");
  if (event.too_big || event.rebase) return fail(Errc::data_missing);
  auto did = atproto::Did::parse(event.repo);
  if (!did) return fail(Errc::malformed, "repo");
  auto rev = atproto::Tid::parse(event.rev);
  if (!rev) return fail(Errc::malformed, "rev");
  if (!atproto::is_datetime(event.time)) return fail(Errc::malformed, "time");
  VerifiedCommit commit;
  commit.did = std::move(*did);
  commit.rev = *rev;
  if (event.since) {
    auto since = atproto::Tid::parse(*event.since);
    if (!since) return fail(Errc::malformed, "since");
    commit.since = *since;
  }
  return commit;
}

/// Steps 3 to 5: the signed commit, which the event must agree with.
Result<atproto::Commit> check_signed(const atproto::CommitEvent& event, const VerifiedCommit& envelope,
                                     const atproto::car::View& car, const atproto::PublicKey& key) {
  if (car.root != event.commit) return fail(Errc::mismatch, "commit is not the root of the blocks");
  auto commit = root_commit(car);
  if (!commit) return commit;
  if (commit->did != envelope.did) return fail(Errc::mismatch, "the commit is of " + commit->did.str());
  if (commit->rev != envelope.rev) return fail(Errc::mismatch, "the commit has rev " + commit->rev.str());
  if (auto verified = commit->verify(key); !verified) return std::unexpected(verified.error());
  return commit;
}

/// The root that the operations must lead back to.
Result<atproto::Cid> root_before(const atproto::CommitEvent& event) {
  if (event.prev_data) return *event.prev_data;
  if (event.since) return fail(Errc::legacy, "no prevData");
  return atproto::mst::Tree().root();
}

RecordOp record_op(const atproto::Op& op, const atproto::RepoPath& path, const atproto::car::Blocks& blocks) {
  RecordOp record{op.action, std::string(path.collection), std::string(path.rkey), op.cid, {}};
  if (!op.cid) return record;
  // The record's place is authentic even where its content is not of the data model: then the event goes without it
  // (protocol 2.2).
  if (auto rendered = atproto::cbor::append_record_json(blocks.at(*op.cid), record.record_json); !rendered) {
    record.record_json.clear();
    record.record_json.shrink_to_fit();
  }
  return record;
}

}  // namespace

Result<VerifiedCommit> check_commit(const atproto::CommitEvent& event, const atproto::PublicKey& key,
                                    const Filter& filter) {
  auto verified = check_envelope(event);
  if (!verified) return verified;
  auto car = atproto::car::parse(event.blocks);
  if (!car) return std::unexpected(car.error());
  auto commit = check_signed(event, *verified, *car, key);
  if (!commit) return std::unexpected(commit.error());
  auto before = root_before(event);
  if (!before) return std::unexpected(before.error());
  auto tree = atproto::mst::Tree::load(commit->data, car->blocks);
  if (!tree) return std::unexpected(tree.error());
  if (auto checked = check_operations(event.ops, car->blocks, std::move(*tree), *before); !checked) {
    return std::unexpected(checked.error());
  }
  verified->data = commit->data;
  verified->prev_data = *before;
  std::size_t records = 0;
  for (const atproto::Op& op : event.ops) {
    const auto path = atproto::parse_path(op.path);
    if (!path || !filter.matches(path->collection)) continue;
    if (op.cid) records += car->blocks.at(*op.cid).size();
    if (records > event.blocks.size() + kMaxRepeated) return fail(Errc::too_large, "records");
    verified->ops.push_back(record_op(op, *path, car->blocks));
  }
  return verified;
}

}  // namespace tap::verify
