// SPDX-License-Identifier: MIT
#include "tap/ledger/ledger.hpp"

namespace tap::ledger {
namespace {

std::string_view action_name(atproto::Action action) {
  switch (action) {
    case atproto::Action::create:
      return "create";
    case atproto::Action::update:
      return "update";
    case atproto::Action::remove:
      return "delete";
  }
  std::abort();  // the enum is closed
}

}  // namespace

store::AdvanceHead advance_of(RepoId id, const repos::Head& before, const verify::VerifiedCommit& commit) {
  store::AdvanceHead advance{id, {commit.rev, commit.data, before.records}, {}};
  advance.changes.reserve(commit.ops.size());
  for (const verify::RecordOp& op : commit.ops) {
    if (op.action == atproto::Action::create) ++advance.head.records;
    if (op.action == atproto::Action::remove && advance.head.records > 0) --advance.head.records;
    advance.changes.push_back({op.collection, op.rkey, op.cid});
  }
  return advance;
}

void append_events(std::vector<outbox::Draft>& out, const verify::VerifiedCommit& commit, bool live) {
  const std::string rev = commit.rev.str();
  for (const verify::RecordOp& op : commit.ops) {
    out.push_back(outbox::render(outbox::RecordEvent{.live = live,
                                                     .did = commit.did.str(),
                                                     .rev = rev,
                                                     .collection = op.collection,
                                                     .rkey = op.rkey,
                                                     .action = action_name(op.action),
                                                     .record_json = op.record_json,
                                                     .cid = op.cid ? &*op.cid : nullptr}));
  }
}

}  // namespace tap::ledger
