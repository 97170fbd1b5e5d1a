// SPDX-License-Identifier: MIT
#include "support/atproto/slow_mst.hpp"

#include "support/atproto/slow_cbor.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace tap::test::slow {
namespace {

using atproto::Cid;
using Leaf = Records::value_type;

Value link(const Cid& cid) {
  const auto bytes = cid.bytes();
  return {Link{Bytes(bytes.begin(), bytes.end())}};
}
Value link_or_null(const std::optional<Cid>& cid) { return cid ? link(*cid) : Value{Null{}}; }

std::size_t common_prefix(const std::string& a, const std::string& b) {
  std::size_t size = 0;
  while (size < a.size() && size < b.size() && a[size] == b[size]) ++size;
  return size;
}

class Builder {
 public:
  explicit Builder(BuiltTree& tree) : tree_(tree) {}

  /// The node at `level` over these leaves; nothing for none.
  std::optional<Cid> node(const std::vector<Leaf>& leaves, int level) {
    if (leaves.empty()) return std::nullopt;
    return store(leaves, level);
  }

  Cid store(const std::vector<Leaf>& leaves, int level) {
    std::vector<Leaf> below;  // what lies between two keys of this level
    std::optional<Cid> first;
    Array entries;
    std::string previous;
    const auto close_gap = [&] {
      const auto subtree = node(below, level - 1);
      below.clear();
      if (entries.empty()) {
        first = subtree;
      } else {
        std::get<Map>(entries.back().data)["t"] = link_or_null(subtree);
      }
    };
    for (const Leaf& leaf : leaves) {
      if (layer(leaf.first) < level) {
        below.push_back(leaf);
        continue;
      }
      close_gap();
      const std::size_t prefix = common_prefix(previous, leaf.first);
      const std::string suffix = leaf.first.substr(prefix);
      entries.push_back({Map{{"k", {Bytes(suffix.begin(), suffix.end())}},
                             {"p", {static_cast<std::int64_t>(prefix)}},
                             {"t", {Null{}}},
                             {"v", link(leaf.second)}}});
      previous = leaf.first;
    }
    close_gap();
    Bytes bytes = encode({Map{{"e", {entries}}, {"l", link_or_null(first)}}});
    const Cid cid = Cid::of(Cid::Codec::dag_cbor, bytes);
    tree_.nodes.emplace(cid, std::move(bytes));
    return cid;
  }

 private:
  BuiltTree& tree_;
};

}  // namespace

int layer(const std::string& key) {
  std::string bits;
  for (const std::uint8_t byte : atproto::sha256(as_bytes(key))) {
    for (int i = 7; i >= 0; --i) bits += ((byte >> i) & 1) != 0 ? '1' : '0';
  }
  return static_cast<int>(std::min(bits.find('1'), bits.size()) / 2);
}

BuiltTree build_tree(const Records& records) {
  BuiltTree tree;
  int top = 0;
  for (const auto& [key, value] : records) top = std::max(top, layer(key));
  tree.root = Builder(tree).store({records.begin(), records.end()}, top);
  return tree;
}

}  // namespace tap::test::slow
