// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/mst.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tap::atproto::mst {

/// Gives a node's bytes by CID, valid until its next call; or an error.
using BlockSource = std::function<Result<ByteView>(const Cid&)>;

struct Leaf {
  std::string key;
  Cid value;
};

/// Steps through a complete tree in key order and checks all of protocol 5.4 on the way, every node present. Memory:
/// the nodes between the root and the current key. Ends after at most one step per node and key, whatever the blocks
/// claim: layers fall strictly, keys grow strictly, and no node below the root is empty. After an error it must not be
/// used.
class Walker {
 public:
  Walker(const Cid& root, BlockSource block);
  /// The next record; empty at the end.
  [[nodiscard]] Result<std::optional<Leaf>> next();

 private:
  struct Frame {
    Node node;
    int layer;
    std::size_t entry = 0;   // the next entry to give
    bool descended = false;  // into the subtree in front of that entry
  };
  [[nodiscard]] Result<void> push_root();
  [[nodiscard]] Result<void> push_child(const Cid& cid, int layer);
  [[nodiscard]] Result<Node> load(const Cid& cid);

  Cid root_;
  BlockSource block_;
  std::vector<Frame> stack_;
  std::string last_key_;
  bool started_ = false;
};

}  // namespace tap::atproto::mst
