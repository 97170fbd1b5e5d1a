// SPDX-License-Identifier: MIT
// The input is a recipe: it builds a tree, keeps some of its nodes, perhaps swaps one for other bytes, and works on
// what is left. Whatever comes out must be what a tree built anew from the records gives.
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"
#include "tap/atproto/mst_walker.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/slow_mst.hpp"

using namespace tap;
using atproto::Cid;
namespace mst = atproto::mst;
namespace slow = test::slow;

namespace {

constexpr int kMaxSteps = 64;

std::string key_of(std::uint8_t number) { return "com.example.record/" + std::to_string(number * 7919U); }
Cid value_of(std::uint8_t number) { return Cid::of(Cid::Codec::dag_cbor, ByteView(&number, 1)); }

/// Changes a complete tree step by step, beside a map of its records.
void grow(fuzz::Input& input, slow::Records& records) {
  mst::Tree tree;
  for (int steps = input.byte() % kMaxSteps; steps > 0; --steps) {
    const std::string key = key_of(input.byte());
    const std::uint8_t value = input.byte();
    const auto held = records.find(key);
    const std::optional<Cid> before = held == records.end() ? std::nullopt : std::optional(held->second);
    if (value % 4 == 0) {
      fuzz::require(tree.remove(key).value() == before);
      records.erase(key);
    } else {
      fuzz::require(tree.insert(key, value_of(value)).value() == before);
      records.insert_or_assign(key, value_of(value));
    }
  }
  fuzz::require(tree.root() == slow::build_tree(records).root);
}

/// Operations on a partial tree: right, up to the first that is mst_partial.
void operate(fuzz::Input& input, mst::Tree tree, slow::Records records) {
  for (int steps = 0; steps < kMaxSteps && !input.empty(); ++steps) {
    const std::string key = key_of(input.byte());
    const std::uint8_t value = input.byte();
    const bool removes = value % 2 == 0;
    const auto was = records.find(key);
    const std::optional<Cid> before = was == records.end() ? std::nullopt : std::optional(was->second);
    const auto done = removes ? tree.remove(key) : tree.insert(key, value_of(value));
    if (!done) return fuzz::require(done.error() == atproto::Errc::mst_partial);
    fuzz::require(*done == before);
    if (removes) {
      records.erase(key);
    } else {
      records.insert_or_assign(key, value_of(value));
    }
  }
  fuzz::require(tree.root() == slow::build_tree(records).root);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  slow::Records records;
  grow(input, records);
  auto built = slow::build_tree(records);

  // A damaged root: the walker and the loader may refuse it, or it is a tree like any other.
  const std::size_t damage = input.byte() % 64;
  if (damage > 0) {
    Bytes root = built.nodes.at(built.root);
    for (std::size_t i = 0; i < damage % 4 + 1; ++i) root[(damage * 13 + i * 7) % root.size()] ^= input.byte();
    built.root = Cid::of(Cid::Codec::dag_cbor, root);
    built.nodes.emplace(built.root, root);
  }
  mst::Walker walker(built.root, [&](const Cid& cid) -> Result<ByteView> {
    const auto block = built.nodes.find(cid);
    if (block == built.nodes.end()) return fail(atproto::Errc::block_missing);
    return ByteView(block->second);
  });
  slow::Records walked;
  for (;;) {
    auto leaf = walker.next();
    if (!leaf) return 0;
    if (!*leaf) break;
    fuzz::require(walked.emplace((*leaf)->key, (*leaf)->value).second);
  }
  fuzz::require(slow::build_tree(walked).root == built.root);

  atproto::car::Blocks blocks;
  const std::uint8_t kept = input.byte();
  for (const auto& [cid, bytes] : built.nodes) {
    if (cid == built.root || (cid.digest()[0] ^ kept) % 4 != 0) blocks.emplace(cid, bytes);
  }
  auto tree = mst::Tree::load(built.root, blocks);
  fuzz::require(tree.has_value());
  fuzz::require(tree->root() == built.root);
  operate(input, std::move(*tree), std::move(walked));
  return 0;
}
