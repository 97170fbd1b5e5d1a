// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/car.hpp"
#include "tap/atproto/cid.hpp"
#include "tap/base/result.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Merkle search trees (protocol 5): strict decoding, complete walks, and the partial trees of commits.
namespace tap::atproto::mst {

inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr std::size_t kMaxEntries = 8192;

/// The layer of a key: leading zero bits of its SHA-256, halved (5.3).
[[nodiscard]] int layer_of(std::string_view key);

struct Entry {
  std::string key;  ///< whole, prefix expanded
  Cid value;
  std::optional<Cid> right;  ///< subtree behind the key
};
/// One node, checked for everything that can be seen in it alone: rules 1-5 and 8-11 of 5.4.
struct Node {
  std::optional<Cid> left;
  std::vector<Entry> entries;
  /// Layer of its keys; absent when it has none.
  std::optional<int> layer;
  [[nodiscard]] static Result<Node> decode(ByteView block);
  [[nodiscard]] Bytes encode() const;
};

/// A tree of which some subtrees may be known by CID only. Value semantics: moved, not shared. Not thread-safe.
class Tree {
 public:
  /// The empty tree.
  Tree();
  ~Tree();
  Tree(Tree&&) noexcept;
  Tree& operator=(Tree&&) noexcept;

  /// Loads what is in `blocks`; the root must be there. All rules of 5.4 hold between loaded nodes, or mst_malformed.
  [[nodiscard]] static Result<Tree> load(const Cid& root, const car::Blocks& blocks);

  /// The value, empty when the key is surely absent; mst_partial when the given blocks do not tell.
  [[nodiscard]] Result<std::optional<Cid>> find(std::string_view key) const;
  /// Sets; gives the value before, if any. mst_partial as above, and then the tree is unusable.
  [[nodiscard]] Result<std::optional<Cid>> insert(std::string_view key, const Cid& value);
  /// Removes; gives the value before, empty when absent. mst_partial as above.
  [[nodiscard]] Result<std::optional<Cid>> remove(std::string_view key);
  /// The root CID; untouched nodes keep theirs, touched ones are encoded anew (5.9). A node emptied to one subtree is
  /// trimmed (5.7).
  [[nodiscard]] Cid root();

  using NodeSink = std::function<void(const Cid&, ByteView)>;
  /// Hands every loaded or changed node to `sink`, children first; for building repos in tests and tools.
  void each_node(const NodeSink& sink);
  /// Hands over the loaded nodes that hold `key` or touch its place: what a #commit has to carry so that an operation
  /// on it can be undone (5.8). Among them are all nodes that the operation changed. Parents first.
  void each_node_around(std::string_view key, const NodeSink& sink);

 private:
  struct Branch;
  std::unique_ptr<Branch> top_;
  std::optional<Cid> stub_;
};

}  // namespace tap::atproto::mst
