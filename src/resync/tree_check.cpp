// SPDX-License-Identifier: MIT
#include "resync/tree_check.hpp"

#include "tap/atproto/identifiers.hpp"
#include "tap/resync/error.hpp"

namespace tap::resync {

TreeCheck::TreeCheck(BlockFile& blocks, const atproto::Cid& root, const verify::Filter& filter)
    : blocks_(blocks), filter_(filter), walker_(root, [&blocks](const atproto::Cid& cid) { return blocks.get(cid); }) {}

Result<bool> TreeCheck::advance(std::size_t records) {
  for (; records > 0; --records) {
    auto leaf = walker_.next();
    if (!leaf) return std::unexpected(leaf.error());
    if (!*leaf) return true;
    if (auto seen = look_at(**leaf); !seen) return std::unexpected(seen.error());
  }
  return false;
}

Result<void> TreeCheck::look_at(const atproto::mst::Leaf& leaf) {
  const auto path = atproto::parse_path(leaf.key);
  if (!path) {
    ++odd_keys_;
    return {};
  }
  if (!filter_.matches(path->collection)) return {};
  ++wanted_;
  auto there = blocks_.contains(leaf.value);
  if (!there) return std::unexpected(there.error());
  if (!*there) return fail(Errc::incomplete, "no record " + leaf.key);
  return {};
}

}  // namespace tap::resync
