// SPDX-License-Identifier: MIT
#include "verify/operations.hpp"

#include "tap/atproto/error.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/verify/error.hpp"

#include <string>
#include <unordered_set>

namespace tap::verify {
namespace {

using atproto::Action;
using atproto::Op;

std::unexpected<Error> bad_op(const Op& op, std::string_view why) {
  return fail(Errc::bad_op, std::string(op.path) + ": " + std::string(why));
}

Result<void> check_shape(const Op& op) {
  if (auto path = atproto::parse_path(op.path); !path) return std::unexpected(path.error());
  switch (op.action) {
    case Action::create:
      if (!op.cid || op.prev) return bad_op(op, "a create has a cid and no prev");
      return {};
    case Action::update:
      if (!op.cid) return bad_op(op, "an update has a cid");
      if (!op.prev) return fail(Errc::legacy, std::string(op.path));
      if (*op.cid == *op.prev) return bad_op(op, "an update changes its record");
      return {};
    case Action::remove:
      if (op.cid) return bad_op(op, "a delete has no cid");
      if (!op.prev) return fail(Errc::legacy, std::string(op.path));
      return {};
  }
  return bad_op(op, "unknown action");
}

/// The record is in the message, and the tree holds it at its path.
Result<void> check_presence(const Op& op, const atproto::car::Blocks& blocks, const atproto::mst::Tree& tree) {
  if (!op.cid) return {};
  auto held = tree.find(op.path);
  if (!held) return std::unexpected(held.error());
  if (*held != op.cid) return bad_op(op, "the tree holds another record");
  if (!blocks.contains(*op.cid)) return fail(atproto::Errc::block_missing, "record " + std::string(op.path));
  return {};
}

/// Undoes one operation; what it replaces must be what the operation had put there.
Result<void> undo(const Op& op, atproto::mst::Tree& tree) {
  auto replaced = op.action == Action::create ? tree.remove(op.path) : tree.insert(op.path, op.prev.value());
  if (!replaced) return std::unexpected(replaced.error());
  if (*replaced != op.cid) return fail(atproto::Errc::mst_conflict, std::string(op.path));
  return {};
}

}  // namespace

Result<void> check_operations(std::span<const Op> ops, const atproto::car::Blocks& blocks, atproto::mst::Tree tree,
                              const atproto::Cid& before) {
  std::unordered_set<std::string_view> paths;
  for (const Op& op : ops) {
    if (auto shape = check_shape(op); !shape) return shape;
    if (!paths.insert(op.path).second) return bad_op(op, "stands twice");
    if (auto present = check_presence(op, blocks, tree); !present) return present;
  }
  // The result does not depend on the order; restoring deleted keys first splits nodes before they would have to be
  // merged.
  for (const bool removals : {true, false}) {
    for (const Op& op : ops) {
      if ((op.action == Action::remove) != removals) continue;
      if (auto undone = undo(op, tree); !undone) return undone;
    }
  }
  if (tree.root() != before) return fail(Errc::inversion_mismatch);
  return {};
}

}  // namespace tap::verify
