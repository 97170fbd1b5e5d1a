// SPDX-License-Identifier: MIT
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"

#include "atproto/mst_node.hpp"

#include <algorithm>
#include <utility>

namespace tap::atproto::mst {

/// A loaded node: keys in order, and a gap before, between and behind them, so that gaps.size() == leaves.size() + 1.
/// The root of the empty tree is no branch at all.
struct Tree::Branch {
  struct Leaf {
    std::string key;
    Cid value;
  };
  /// A subtree: nothing, a loaded branch, or only its CID.
  struct Gap {
    std::unique_ptr<Branch> branch;
    std::optional<Cid> stub;
    [[nodiscard]] bool empty() const { return !branch && !stub; }
  };
  struct Halves {
    Gap left, right;
  };

  int layer = 0;
  std::vector<Leaf> leaves;
  std::vector<Gap> gaps;
  std::optional<Cid> cid;  // absent once touched

  [[nodiscard]] std::size_t position(std::string_view key) const {
    const auto at =
        std::ranges::lower_bound(leaves, key, {}, [](const Leaf& leaf) { return std::string_view(leaf.key); });
    return static_cast<std::size_t>(at - leaves.begin());
  }
  [[nodiscard]] bool holds(std::size_t at, std::string_view key) const {
    return at < leaves.size() && leaves[at].key == key;
  }

  static std::unique_ptr<Branch> single(int layer, std::string_view key, const Cid& value);
  static Gap wrap(Gap gap, int from, int to);
  static Result<Halves> split(Gap gap, std::string_view key);
  static Result<Gap> merge(Gap left, Gap right);
  static Result<std::unique_ptr<Branch>> load(Node node, int layer, const car::Blocks& blocks, std::string_view lower,
                                              std::string_view upper);
  static Result<Gap> load_gap(const std::optional<Cid>& cid, int layer, const car::Blocks& blocks,
                              std::string_view lower, std::string_view upper);

  Result<std::optional<Cid>> insert(std::string_view key, int key_layer, const Cid& value);
  Result<std::optional<Cid>> remove(std::string_view key, int key_layer);
  [[nodiscard]] Bytes encode();
  [[nodiscard]] const Cid& seal();
  void emit(const NodeSink& sink);
  void each(const NodeSink& sink);
  void around(std::string_view key, const NodeSink& sink);
};

namespace {

std::unexpected<Error> partial() { return fail(Errc::mst_partial); }

Result<Node> node_in(const Cid& cid, ByteView block) {
  if (cid.codec() != Cid::Codec::dag_cbor) return fail(Errc::mst_malformed, "node of another codec");
  return Node::decode(block);
}

}  // namespace

std::unique_ptr<Tree::Branch> Tree::Branch::single(int layer, std::string_view key, const Cid& value) {
  auto branch = std::make_unique<Branch>();
  branch->layer = layer;
  branch->leaves.push_back({std::string(key), value});
  branch->gaps.resize(2);
  return branch;
}

/// Puts nodes without keys on top of a subtree of layer `from` until it has layer `to`.
Tree::Branch::Gap Tree::Branch::wrap(Gap gap, int from, int to) {
  if (gap.empty()) return gap;
  for (int layer = from + 1; layer <= to; ++layer) {
    auto above = std::make_unique<Branch>();
    above->layer = layer;
    above->gaps.push_back(std::move(gap));
    gap = Gap{std::move(above), {}};
  }
  return gap;
}

/// The parts of a subtree before and behind a key that it does not hold (protocol 5.6).
Result<Tree::Branch::Halves> Tree::Branch::split(Gap gap, std::string_view key) {
  if (gap.stub) return partial();
  if (!gap.branch) return Halves{};
  Branch& whole = *gap.branch;
  const std::size_t at = whole.position(key);
  auto inner = split(std::move(whole.gaps[at]), key);
  if (!inner) return inner;

  auto right = std::make_unique<Branch>();
  right->layer = whole.layer;
  right->gaps.push_back(std::move(inner->right));
  const auto cut = static_cast<std::ptrdiff_t>(at);
  std::move(whole.gaps.begin() + cut + 1, whole.gaps.end(), std::back_inserter(right->gaps));
  std::move(whole.leaves.begin() + cut, whole.leaves.end(), std::back_inserter(right->leaves));
  whole.leaves.resize(at);
  whole.gaps.resize(at + 1);
  whole.gaps[at] = std::move(inner->left);
  whole.cid.reset();

  const auto drop_if_empty = [](std::unique_ptr<Branch> branch) {
    const bool empty = branch->leaves.empty() && branch->gaps.front().empty();
    return empty ? Gap{} : Gap{std::move(branch), {}};
  };
  Halves halves;
  halves.left = drop_if_empty(std::move(gap.branch));
  halves.right = drop_if_empty(std::move(right));
  return halves;
}

/// Two neighbouring subtrees of one layer, joined (protocol 5.7).
Result<Tree::Branch::Gap> Tree::Branch::merge(Gap left, Gap right) {
  if (left.empty()) return right;
  if (right.empty()) return left;
  if (left.stub || right.stub) return partial();
  Branch& into = *left.branch;
  Branch& from = *right.branch;
  auto middle = merge(std::move(into.gaps.back()), std::move(from.gaps.front()));
  if (!middle) return middle;
  into.gaps.back() = std::move(*middle);
  std::move(from.gaps.begin() + 1, from.gaps.end(), std::back_inserter(into.gaps));
  std::move(from.leaves.begin(), from.leaves.end(), std::back_inserter(into.leaves));
  into.cid.reset();
  return left;
}

Result<std::unique_ptr<Tree::Branch>> Tree::Branch::load(Node node, int layer, const car::Blocks& blocks,
                                                         std::string_view lower, std::string_view upper) {
  if (node.layer.value_or(layer) != layer) return fail(Errc::mst_malformed, "node at the wrong layer");
  if (!node.entries.empty()) {
    const bool below = node.entries.front().key <= lower;
    const bool above = !upper.empty() && node.entries.back().key >= upper;
    if (below || above) return fail(Errc::mst_malformed, "keys out of bounds");
  }
  auto branch = std::make_unique<Branch>();
  branch->layer = layer;
  branch->gaps.reserve(node.entries.size() + 1);
  branch->leaves.reserve(node.entries.size());
  for (std::size_t i = 0; i <= node.entries.size(); ++i) {
    const std::string_view before = i == 0 ? lower : branch->leaves.back().key;
    const std::string_view behind = i == node.entries.size() ? upper : node.entries[i].key;
    auto gap = load_gap(i == 0 ? node.left : node.entries[i - 1].right, layer - 1, blocks, before, behind);
    if (!gap) return std::unexpected(gap.error());
    branch->gaps.push_back(std::move(*gap));
    if (i < node.entries.size()) branch->leaves.push_back({std::move(node.entries[i].key), node.entries[i].value});
  }
  return branch;
}

Result<Tree::Branch::Gap> Tree::Branch::load_gap(const std::optional<Cid>& cid, int layer, const car::Blocks& blocks,
                                                 std::string_view lower, std::string_view upper) {
  if (!cid) return Gap{};
  if (layer < 0) return fail(Errc::mst_malformed, "subtree below layer 0");
  const auto block = blocks.find(*cid);
  if (block == blocks.end()) return Gap{nullptr, cid};
  auto node = node_in(*cid, block->second);
  if (!node) return std::unexpected(node.error());
  if (node->entries.empty() && !node->left) return fail(Errc::mst_malformed, "empty node below the root");
  auto branch = load(std::move(*node), layer, blocks, lower, upper);
  if (!branch) return std::unexpected(branch.error());
  (*branch)->cid = *cid;
  return Gap{std::move(*branch), {}};
}

Result<std::optional<Cid>> Tree::Branch::insert(std::string_view key, int key_layer, const Cid& value) {
  const std::size_t at = position(key);
  if (key_layer == layer) {
    if (holds(at, key)) {
      cid.reset();
      return std::exchange(leaves[at].value, value);
    }
    auto halves = split(std::move(gaps[at]), key);
    if (!halves) return std::unexpected(halves.error());
    gaps[at] = std::move(halves->left);
    gaps.insert(gaps.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(halves->right));
    leaves.insert(leaves.begin() + static_cast<std::ptrdiff_t>(at), {std::string(key), value});
    cid.reset();
    return std::nullopt;
  }
  Gap& gap = gaps[at];
  if (gap.stub) return partial();
  cid.reset();
  if (gap.branch) return gap.branch->insert(key, key_layer, value);
  gap = wrap(Gap{single(key_layer, key, value), {}}, key_layer, layer - 1);
  return std::nullopt;
}

Result<std::optional<Cid>> Tree::Branch::remove(std::string_view key, int key_layer) {
  const std::size_t at = position(key);
  if (key_layer >= layer) {
    if (key_layer > layer || !holds(at, key)) return std::nullopt;
    const Cid value = leaves[at].value;
    auto merged = merge(std::move(gaps[at]), std::move(gaps[at + 1]));
    if (!merged) return std::unexpected(merged.error());
    leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(at));
    gaps.erase(gaps.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    gaps[at] = std::move(*merged);
    cid.reset();
    return value;
  }
  Gap& gap = gaps[at];
  if (gap.stub) return partial();
  if (!gap.branch) return std::nullopt;
  auto removed = gap.branch->remove(key, key_layer);
  if (!removed || !*removed) return removed;
  if (gap.branch->leaves.empty() && gap.branch->gaps.front().empty()) gap = Gap{};
  cid.reset();
  return removed;
}

Bytes Tree::Branch::encode() {
  const auto link = [](Gap& gap) { return gap.branch ? std::optional(gap.branch->seal()) : gap.stub; };
  NodeWriter writer(leaves.size());
  for (std::size_t i = 0; i < leaves.size(); ++i) writer.entry(leaves[i].key, leaves[i].value, link(gaps[i + 1]));
  return writer.finish(link(gaps.front()));
}

const Cid& Tree::Branch::seal() {
  if (!cid) cid = Cid::of(Cid::Codec::dag_cbor, encode());
  return *cid;
}

void Tree::Branch::emit(const NodeSink& sink) {
  const Bytes bytes = encode();
  if (!cid) cid = Cid::of(Cid::Codec::dag_cbor, bytes);
  sink(*cid, bytes);
}

void Tree::Branch::each(const NodeSink& sink) {
  for (Gap& gap : gaps) {
    if (gap.branch) gap.branch->each(sink);
  }
  emit(sink);
}

void Tree::Branch::around(std::string_view key, const NodeSink& sink) {
  emit(sink);
  const std::size_t at = position(key);
  if (gaps[at].branch) gaps[at].branch->around(key, sink);
  if (holds(at, key) && gaps[at + 1].branch) gaps[at + 1].branch->around(key, sink);
}

Tree::Tree() = default;
Tree::~Tree() = default;
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;

Result<Tree> Tree::load(const Cid& root, const car::Blocks& blocks) {
  const auto block = blocks.find(root);
  if (block == blocks.end()) return fail(Errc::block_missing, "root of the tree");
  auto node = node_in(root, block->second);
  if (!node) return std::unexpected(node.error());
  Tree tree;
  if (node->entries.empty()) {
    if (node->left) return fail(Errc::mst_malformed, "the root has no keys");
    return tree;
  }
  const int layer = node->layer.value();
  auto top = Branch::load(std::move(*node), layer, blocks, {}, {});
  if (!top) return std::unexpected(top.error());
  tree.top_ = std::move(*top);
  tree.top_->cid = root;
  return tree;
}

Result<std::optional<Cid>> Tree::find(std::string_view key) const {
  if (stub_) return partial();
  const int key_layer = layer_of(key);
  const Branch* branch = top_.get();
  while (branch != nullptr && key_layer <= branch->layer) {
    const std::size_t at = branch->position(key);
    if (branch->layer == key_layer)
      return branch->holds(at, key) ? std::optional(branch->leaves[at].value) : std::nullopt;
    if (branch->gaps[at].stub) return partial();
    branch = branch->gaps[at].branch.get();
  }
  return std::nullopt;
}

Result<std::optional<Cid>> Tree::insert(std::string_view key, const Cid& value) {
  if (stub_) return partial();
  const int key_layer = layer_of(key);
  if (!top_) {
    top_ = Branch::single(key_layer, key, value);
    return std::nullopt;
  }
  if (key_layer <= top_->layer) return top_->insert(key, key_layer, value);
  const int below = top_->layer;
  auto halves = Branch::split({std::move(top_), {}}, key);
  if (!halves) return std::unexpected(halves.error());
  top_ = Branch::single(key_layer, key, value);
  top_->gaps[0] = Branch::wrap(std::move(halves->left), below, key_layer - 1);
  top_->gaps[1] = Branch::wrap(std::move(halves->right), below, key_layer - 1);
  return std::nullopt;
}

Result<std::optional<Cid>> Tree::remove(std::string_view key) {
  if (stub_) return partial();
  if (!top_) return std::nullopt;
  auto removed = top_->remove(key, layer_of(key));
  if (!removed || !*removed) return removed;
  while (top_ && top_->leaves.empty()) {  // trim
    Branch::Gap only = std::move(top_->gaps.front());
    stub_ = only.stub;
    top_ = std::move(only.branch);
  }
  return removed;
}

Cid Tree::root() {
  if (stub_) return *stub_;
  return top_ ? top_->seal() : Cid::of(Cid::Codec::dag_cbor, Node{}.encode());
}

void Tree::each_node(const NodeSink& sink) {
  if (top_) return top_->each(sink);
  if (!stub_) sink(root(), Node{}.encode());
}

void Tree::each_node_around(std::string_view key, const NodeSink& sink) {
  if (top_) return top_->around(key, sink);
  if (!stub_) sink(root(), Node{}.encode());
}

}  // namespace tap::atproto::mst
