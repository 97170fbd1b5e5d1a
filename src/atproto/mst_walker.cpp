// SPDX-License-Identifier: MIT
#include "tap/atproto/mst_walker.hpp"

#include "tap/atproto/error.hpp"

#include <utility>

namespace tap::atproto::mst {

Walker::Walker(const Cid& root, BlockSource block) : root_(root), block_(std::move(block)) {}

Result<std::optional<Leaf>> Walker::next() {
  if (!std::exchange(started_, true)) {
    if (auto pushed = push_root(); !pushed) return std::unexpected(pushed.error());
  }
  while (!stack_.empty()) {
    Frame& top = stack_.back();
    if (!std::exchange(top.descended, true)) {
      const auto& subtree = top.entry == 0 ? top.node.left : top.node.entries[top.entry - 1].right;
      if (subtree) {
        if (auto pushed = push_child(*subtree, top.layer - 1); !pushed) return std::unexpected(pushed.error());
        continue;
      }
    }
    if (top.entry == top.node.entries.size()) {
      stack_.pop_back();
      continue;
    }
    const Entry& entry = top.node.entries[top.entry++];
    top.descended = false;
    // In-order and strictly growing: no key lies outside the bounds that its parents set, and no subtree stands twice.
    if (entry.key <= last_key_) return fail(Errc::mst_malformed, "keys out of order");
    last_key_ = entry.key;
    return Leaf{entry.key, entry.value};
  }
  return std::nullopt;
}

Result<Node> Walker::load(const Cid& cid) {
  if (cid.codec() != Cid::Codec::dag_cbor) return fail(Errc::mst_malformed, "node of another codec");
  auto block = block_(cid);
  if (!block) return std::unexpected(block.error());
  return Node::decode(*block);
}

Result<void> Walker::push_root() {
  auto node = load(root_);
  if (!node) return std::unexpected(node.error());
  if (node->entries.empty()) {
    if (node->left) return fail(Errc::mst_malformed, "the root has no keys");
    return {};  // the empty tree
  }
  const int layer = node->layer.value();
  stack_.push_back({std::move(*node), layer});
  return {};
}

Result<void> Walker::push_child(const Cid& cid, int layer) {
  if (layer < 0) return fail(Errc::mst_malformed, "subtree below layer 0");
  auto node = load(cid);
  if (!node) return std::unexpected(node.error());
  if (node->entries.empty() && !node->left) return fail(Errc::mst_malformed, "empty node below the root");
  if (node->layer.value_or(layer) != layer) return fail(Errc::mst_malformed, "node at the wrong layer");
  stack_.push_back({std::move(*node), layer});
  return {};
}

}  // namespace tap::atproto::mst
