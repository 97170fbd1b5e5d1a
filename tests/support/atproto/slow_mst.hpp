// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"

#include <map>
#include <string>
#include <unordered_map>

/// A second opinion on Merkle search trees: built anew from the sorted records, node by node, as protocol 5 defines
/// them.
namespace tap::test::slow {

using Records = std::map<std::string, atproto::Cid>;

struct BuiltTree {
  atproto::Cid root;
  std::unordered_map<atproto::Cid, Bytes> nodes;
};

[[nodiscard]] BuiltTree build_tree(const Records& records);
/// The layer of a key, bit by bit.
[[nodiscard]] int layer(const std::string& key);

}  // namespace tap::test::slow
