// SPDX-License-Identifier: MIT
#include "faults/repo_lies.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/atproto/mst.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace tap::faults {
namespace {

using atproto::Cid;
using atproto::Commit;
using atproto::mst::Node;
using test::Account;
using test::Block;
using test::Dice;

constexpr std::size_t kTooManyLayers = 300;
constexpr std::size_t kSectionLimit = 2 << 20;
constexpr auto kFarFuture = "bzzzzzzzzzzzz";
constexpr auto kSomebodyElse = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

Cid cid_of(ByteView block) { return Cid::of(Cid::Codec::dag_cbor, block); }
Block block_of(Bytes bytes) { return {cid_of(bytes), std::move(bytes)}; }

/// Commit first, then nodes and records.
std::vector<Block> blocks_of(Account& account) {
  std::vector<Block> blocks;
  atproto::car::Parser parser({}, [&](const Cid& cid, ByteView data) -> Result<void> {
    blocks.push_back({cid, Bytes(data.begin(), data.end())});
    return {};
  });
  parser.feed(account.full_car(test::Order::nodes_first)).value();
  return blocks;
}

Commit commit_of(const Account& account) { return Commit::decode(account.commit_block()).value(); }

Block signed_block(Commit commit, const test::SigningKey& key, bool high_s = false) {
  const auto digest = atproto::sha256(commit.unsigned_bytes());
  commit.sig = high_s ? key.sign_high_s(digest) : key.sign(digest);
  return block_of(commit.encode());
}

/// The repo below another commit.
Bytes below(Account& account, Block commit) {
  std::vector<Block> blocks = blocks_of(account);
  blocks.front() = std::move(commit);
  return test::make_car(blocks.front().cid, blocks);
}

/// A repo of these blocks, of which the first is the root of the tree.
Bytes signed_repo(const Account& account, std::vector<Block> blocks) {
  Commit commit = commit_of(account);
  commit.data = blocks.front().cid;
  blocks.insert(blocks.begin(), signed_block(std::move(commit), account.key()));
  return test::make_car(blocks.front().cid, blocks);
}

/// A path whose key is of this layer.
std::string path_of_layer(Account& account, int layer) {
  for (;;) {
    std::string path = account.new_path();
    if (atproto::mst::layer_of(path) == layer) return path;
  }
}

std::vector<std::string> paths_of_layer(Account& account, int layer, std::size_t count) {
  std::vector<std::string> paths;
  while (paths.size() < count) paths.push_back(path_of_layer(account, layer));
  return paths;  // they grow
}

Block record() { return block_of(test::post_record(1, "Nobody wrote this")); }

Block node(std::optional<Cid> left, const std::vector<std::string>& paths) {
  Node made{std::move(left), {}, {}};
  for (const std::string& path : paths) made.entries.push_back({path, record().cid, {}});
  return block_of(made.encode());
}

Bytes cut(Account& account, Dice& dice) {
  Bytes car = account.full_car();
  car.resize(dice.below(car.size()));
  return car;
}

/// Without one block behind the commit; from nodes, which come first, or from records.
Bytes without(Account& account, std::size_t place) {
  std::vector<Block> blocks = blocks_of(account);
  blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(place));
  return test::make_car(account.head()->commit, blocks);
}
Bytes without_commit(Account& account, Dice&) { return without(account, 0); }
Bytes without_node(Account& account, Dice& dice) {
  return without(account, 1 + dice.below(blocks_of(account).size() - 1 - account.records().size()));
}
Bytes without_record(Account& account, Dice& dice) {
  return without(account, blocks_of(account).size() - 1 - dice.below(account.records().size()));
}

Bytes with_wrong_hash(Account& account, Dice& dice) {
  std::vector<Block> blocks = blocks_of(account);
  Block& chosen = dice.pick(blocks);
  chosen.bytes[dice.below(chosen.bytes.size())] ^= 1;
  return test::make_car(account.head()->commit, blocks);
}

void append_section(Bytes& car, ByteView cid, ByteView data) {
  std::size_t size = cid.size() + data.size();
  for (; size >= 0x80; size >>= 7) car.push_back(static_cast<std::uint8_t>(size | 0x80));
  car.push_back(static_cast<std::uint8_t>(size));
  car.insert(car.end(), cid.begin(), cid.end());
  car.insert(car.end(), data.begin(), data.end());
}

/// A CID without a digest fits every block.
Bytes with_truncated_digest(Account& account, Dice&) {
  Bytes car = account.full_car();
  append_section(car, test::hex("01711200"), record().bytes);
  return car;
}
Bytes with_empty_section(Account& account, Dice&) {
  Bytes car = account.full_car();
  car.push_back(0);
  return car;
}
Bytes with_huge_section(Account& account, Dice&) {
  Bytes car = account.full_car();
  const Block large = block_of(Bytes(kSectionLimit, 0x61));
  append_section(car, large.cid.bytes(), large.bytes);
  return car;
}

Bytes of_another_account(Account&, Dice& dice) {
  Account other(900'000 + dice.below(1'000));
  other.fill(10);
  return other.full_car();
}
/// Key and tree are the account's.
Bytes of_another_did(Account& account, Dice&) {
  Commit commit = commit_of(account);
  commit.did = atproto::Did::parse(kSomebodyElse).value();
  return below(account, signed_block(std::move(commit), account.key()));
}
Bytes of_the_future(Account& account, Dice&) {
  Commit commit = commit_of(account);
  commit.rev = atproto::Tid::parse(kFarFuture).value();
  return below(account, signed_block(std::move(commit), account.key()));
}
Bytes by_another_key(Account& account, Dice& dice) {
  return below(account, signed_block(commit_of(account), test::SigningKey(atproto::Curve::k256, dice.word())));
}
Bytes with_high_s(Account& account, Dice&) {
  return below(account, signed_block(commit_of(account), account.key(), true));
}

Bytes with_unordered_keys(Account& account, Dice&) {
  auto paths = paths_of_layer(account, 0, 3);
  std::ranges::reverse(paths);
  return signed_repo(account, {node({}, paths), record()});
}
Bytes with_a_key_twice(Account& account, Dice&) {
  const std::string path = path_of_layer(account, 0);
  return signed_repo(account, {node({}, {path, path}), record()});
}
Bytes with_mixed_layers(Account& account, Dice&) {
  const std::string low = path_of_layer(account, 0);
  return signed_repo(account, {node({}, {low, path_of_layer(account, 1)}), record()});
}
Bytes with_skipped_layer(Account& account, Dice&) {
  const Block leaf = node({}, {path_of_layer(account, 0)});
  const Block root = node(leaf.cid, {path_of_layer(account, 2)});
  return signed_repo(account, {root, leaf, record()});
}
/// The keys of the subtree on the left belong on the right.
Bytes with_keys_out_of_bounds(Account& account, Dice&) {
  const std::string middle = path_of_layer(account, 1);
  const Block leaf = node({}, {path_of_layer(account, 0)});
  return signed_repo(account, {node(leaf.cid, {middle}), leaf, record()});
}
/// Node above node above node, none of which has a key.
Bytes of_great_depth(Account& account, Dice&) {
  std::vector<Block> blocks = {record(), node({}, {path_of_layer(account, 0)})};
  for (std::size_t layer = 0; layer < kTooManyLayers; ++layer) blocks.push_back(node(blocks.back().cid, {}));
  std::ranges::reverse(blocks);
  return signed_repo(account, std::move(blocks));
}
/// A node that says it is its own subtree, with a CID that is not its hash.
Bytes with_a_cycle(Account& account, Dice& dice) {
  const Cid itself = cid_of(dice.bytes(8));
  Block loop = node(itself, {path_of_layer(account, 1)});
  loop.cid = itself;
  return signed_repo(account, {std::move(loop), record()});
}
/// Its key shares more with the one before than that has.
Bytes with_a_long_prefix(Account& account, Dice&) {
  Bytes bytes;
  atproto::cbor::Writer writer(bytes);
  writer.map(2);
  writer.text("e");
  writer.array(1);
  writer.map(4);
  writer.text("k");
  writer.bytes(as_bytes("app.bsky.feed.post/x"));
  writer.text("p");
  writer.integer(1'000'000);
  writer.text("t");
  writer.null();
  writer.text("v");
  writer.link(record().cid);
  writer.text("l");
  writer.null();
  return signed_repo(account, {block_of(std::move(bytes)), record()});
}
Bytes with_a_pass_through_root(Account& account, Dice&) {
  const Block leaf = node({}, {path_of_layer(account, 0)});
  return signed_repo(account, {node(leaf.cid, {}), leaf, record()});
}

Bytes of_nothing(Account&, Dice&) { return {}; }
Bytes of_garbage(Account&, Dice& dice) { return dice.bytes(1 + dice.below(100'000)); }
Bytes of_a_page(Account&, Dice&) {
  const auto page = as_bytes("<html><body>Welcome to nginx!</body></html>");
  return {page.begin(), page.end()};
}
Bytes damaged(Account& account, Dice& dice) {
  constexpr std::size_t kHeader = 58;
  Bytes car = account.full_car();
  car[dice.below(kHeader)] ^= 0x10;
  return car;
}

constexpr std::array kLies = {
    RepoLie{"repo that is cut", cut},
    RepoLie{"repo without its commit", without_commit},
    RepoLie{"repo without a node", without_node},
    RepoLie{"repo without a record", without_record},
    RepoLie{"repo with a wrong hash", with_wrong_hash},
    RepoLie{"repo with a truncated digest", with_truncated_digest},
    RepoLie{"repo with an empty section", with_empty_section},
    RepoLie{"repo with a huge section", with_huge_section},
    RepoLie{"repo of another account", of_another_account},
    RepoLie{"repo of another DID", of_another_did},
    RepoLie{"repo of the future", of_the_future},
    RepoLie{"repo by another key", by_another_key},
    RepoLie{"repo with a high-S signature", with_high_s},
    RepoLie{"tree with unordered keys", with_unordered_keys},
    RepoLie{"tree with a key twice", with_a_key_twice},
    RepoLie{"tree with mixed layers", with_mixed_layers},
    RepoLie{"tree with a skipped layer", with_skipped_layer},
    RepoLie{"tree with keys out of bounds", with_keys_out_of_bounds},
    RepoLie{"tree of great depth", of_great_depth},
    RepoLie{"tree with a cycle", with_a_cycle},
    RepoLie{"tree with a long prefix", with_a_long_prefix},
    RepoLie{"tree with a pass-through root", with_a_pass_through_root},
    RepoLie{"repo of nothing", of_nothing},
    RepoLie{"repo of garbage", of_garbage},
    RepoLie{"repo that is a page", of_a_page},
    RepoLie{"repo with a damaged head", damaged},
};

}  // namespace

std::span<const RepoLie> repo_lies() { return kLies; }

Bytes true_repo(Account& account, Dice& dice) {
  if (dice.chance(70)) return account.full_car(static_cast<test::Order>(dice.below(3)));
  std::vector<Block> blocks = blocks_of(account);
  const Block again = dice.pick(blocks);
  blocks.push_back(again);
  blocks.push_back(block_of(test::post_record(dice.below(1'000), "Not in the tree")));
  for (std::size_t i = blocks.size() - 1; i > 0; --i) std::swap(blocks[i], blocks[dice.below(i + 1)]);
  return test::make_car(account.head()->commit, blocks);
}

}  // namespace tap::faults
