// SPDX-License-Identifier: MIT
#include "faults/commit_lies.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/atproto/mst.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace tap::faults {
namespace {

using atproto::Cid;
using atproto::Commit;
using test::Account;
using test::CommitMessage;
using test::Dice;

constexpr std::size_t kBlocksLimit = 2'000'000;
constexpr std::size_t kOpsLimit = 200;
constexpr auto kSomebodyElse = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
constexpr auto kFarFuture = "bzzzzzzzzzzzz";

Cid cid_of(ByteView block) { return Cid::of(Cid::Codec::dag_cbor, block); }

Commit commit_of(const CommitMessage& message) { return Commit::decode(message.blocks.front().bytes).value(); }

void sign(CommitMessage& message, Commit commit, const test::SigningKey& key, bool high_s = false) {
  const auto digest = atproto::sha256(commit.unsigned_bytes());
  commit.sig = high_s ? key.sign_high_s(digest) : key.sign(digest);
  Bytes block = commit.encode();
  message.commit = cid_of(block);
  message.blocks.front() = {message.commit, std::move(block)};
}

/// The tree of the message with a record more; none when the message does not show enough of it for that.
std::optional<Cid> grow(CommitMessage& message, const Cid& root, const std::string& path, const Bytes& record) {
  atproto::car::Blocks blocks;
  for (const test::Block& block : message.blocks) blocks.emplace(block.cid, block.bytes);
  auto tree = atproto::mst::Tree::load(root, blocks);
  if (!tree || !tree->insert(path, cid_of(record))) return std::nullopt;
  std::vector<test::Block> nodes;
  const Cid grown = tree->root();
  tree->each_node_around(path, [&](const Cid& cid, ByteView bytes) {
    if (!blocks.contains(cid)) nodes.push_back({cid, Bytes(bytes.begin(), bytes.end())});
  });
  message.blocks.insert(message.blocks.end(), nodes.begin(), nodes.end());
  return grown;
}

/// Adds a record that nobody wrote, as if somebody had: signed and proved. A few places are tried; where none is close
/// enough to what the message shows, it stays as it is.
CommitMessage invent(const Account& account, CommitMessage message, Dice& dice) {
  const auto beside = std::ranges::find_if(message.ops, [](const auto& op) { return op.action != "delete"; });
  if (beside == message.ops.end()) return message;
  const std::string name = beside->path + std::string(kLieMark);
  const Bytes record = test::post_record(dice.below(1'000'000), "Nobody wrote this");
  Commit commit = commit_of(message);
  for (int number = 0; number < 8; ++number) {
    const std::string path = name + std::to_string(number);
    const auto root = grow(message, commit.data, path, record);
    if (!root) continue;
    message.ops.push_back({"create", path, cid_of(record), std::nullopt});
    message.blocks.push_back({cid_of(record), record});
    commit.data = *root;
    sign(message, std::move(commit), account.key());
    return message;
  }
  return message;
}

CommitMessage by_another_key(const Account& account, CommitMessage message, Dice& dice) {
  sign(message, commit_of(message), test::SigningKey(account.key().public_key().curve(), dice.word()));
  return message;
}

CommitMessage with_high_s(const Account& account, CommitMessage message, Dice&) {
  sign(message, commit_of(message), account.key(), true);
  return message;
}

CommitMessage of_another_did(const Account& account, CommitMessage message, Dice&) {
  Commit commit = commit_of(message);
  commit.did = atproto::Did::parse(kSomebodyElse).value();
  sign(message, std::move(commit), account.key());
  return message;
}

CommitMessage of_another_rev(const Account& account, CommitMessage message, Dice&) {
  Commit commit = commit_of(message);
  commit.rev = atproto::Tid(commit.rev.value() - 1);
  sign(message, std::move(commit), account.key());
  return message;
}

CommitMessage of_the_future(const Account& account, CommitMessage message, Dice&) {
  Commit commit = commit_of(message);
  commit.rev = atproto::Tid::parse(kFarFuture).value();
  message.rev = commit.rev.str();
  sign(message, std::move(commit), account.key());
  return message;
}

CommitMessage without_commit(const Account&, CommitMessage message, Dice&) {
  message.drop(message.commit);
  return message;
}

CommitMessage without_root(const Account&, CommitMessage message, Dice&) {
  message.drop(commit_of(message).data);
  return message;
}

/// The last block is a record, where the commit has any.
CommitMessage without_record(const Account& account, CommitMessage message, Dice& dice) {
  if (message.ops.back().action == "delete") return without_root(account, std::move(message), dice);
  message.drop(message.ops.back().cid.value());
  return message;
}

CommitMessage of_another_past(const Account&, CommitMessage message, Dice& dice) {
  message.prev_data = cid_of(dice.bytes(8));
  return message;
}

CommitMessage behind_another_rev(const Account&, CommitMessage message, Dice&) {
  message.since = "3kaaaaaaaaaaa";
  return message;
}

CommitMessage without_prev_data(const Account&, CommitMessage message, Dice&) {
  message.prev_data.reset();
  return message;
}

CommitMessage of_old_form(const Account&, CommitMessage message, Dice&) {
  message.prev_data.reset();
  for (auto& op : message.ops) op.prev.reset();
  return message;
}

CommitMessage too_big(const Account&, CommitMessage message, Dice&) {
  message.too_big = true;
  return message;
}

CommitMessage rebased(const Account&, CommitMessage message, Dice&) {
  message.rebase = true;
  return message;
}

CommitMessage with_null_op(const Account&, CommitMessage message, Dice&) {
  message.null_op = true;
  return message;
}

CommitMessage with_op_not_done(const Account&, CommitMessage message, Dice& dice) {
  const Bytes record = test::post_record(dice.below(1'000), "Nor this");
  message.ops.push_back({"create", "app.bsky.feed.post/nowhere" + std::string(kLieMark), cid_of(record), std::nullopt});
  message.blocks.push_back({cid_of(record), record});
  return message;
}

CommitMessage with_op_of_other_content(const Account& account, CommitMessage message, Dice& dice) {
  auto& op = message.ops.back();
  if (op.action == "delete") return with_op_not_done(account, std::move(message), dice);
  const Bytes record = test::post_record(dice.below(1'000), "Nor this");
  op.cid = cid_of(record);
  message.blocks.push_back({cid_of(record), record});
  return message;
}

CommitMessage without_an_op(const Account& account, CommitMessage message, Dice& dice) {
  if (message.ops.size() < 2) return with_op_not_done(account, std::move(message), dice);
  message.ops.erase(message.ops.begin());
  return message;
}

CommitMessage with_op_twice(const Account&, CommitMessage message, Dice&) {
  message.ops.push_back(message.ops.front());
  return message;
}

CommitMessage with_unknown_action(const Account&, CommitMessage message, Dice&) {
  message.ops.back().action = "rename";
  return message;
}

CommitMessage with_bad_path(const Account&, CommitMessage message, Dice&) {
  message.ops.back().path = "app.bsky.feed.post/../x" + std::string(kLieMark);
  return message;
}

CommitMessage with_too_many_ops(const Account&, CommitMessage message, Dice&) {
  message.ops.resize(kOpsLimit + 1, message.ops.front());
  return message;
}

CommitMessage with_too_many_bytes(const Account&, CommitMessage message, Dice& dice) {
  const Bytes junk = dice.bytes(64);
  Bytes large;
  while (large.size() <= kBlocksLimit) large.insert(large.end(), junk.begin(), junk.end());
  message.blocks.push_back({cid_of(large), std::move(large)});
  return message;
}

CommitMessage of_another_root(const Account&, CommitMessage message, Dice& dice) {
  message.car = test::make_car(message.commit, message.blocks);
  message.commit = cid_of(dice.bytes(8));
  return message;
}

CommitMessage with_torn_blocks(const Account&, CommitMessage message, Dice& dice) {
  Bytes car = test::make_car(message.commit, message.blocks);
  car.resize(dice.below(car.size()));
  message.car = std::move(car);
  return message;
}

CommitMessage with_changed_blocks(const Account&, CommitMessage message, Dice& dice) {
  Bytes car = test::make_car(message.commit, message.blocks);
  car[car.size() - 1 - dice.below(20)] ^= 1;  // within the last block
  message.car = std::move(car);
  return message;
}

CommitMessage with_garbage_for_blocks(const Account&, CommitMessage message, Dice& dice) {
  message.car = dice.bytes(dice.below(500));
  return message;
}

CommitMessage of_no_time(const Account&, CommitMessage message, Dice&) {
  message.time = "yesterday";
  return message;
}

using Tell = CommitMessage (*)(const Account&, CommitMessage, Dice&);

/// A lie is an invention with this defect.
template <Tell kDefect>
CommitMessage lie(const Account& account, CommitMessage truth, Dice& dice) {
  return kDefect(account, invent(account, std::move(truth), dice), dice);
}

constexpr std::array kLies = {
    CommitLie{"commit by another key", lie<by_another_key>},
    CommitLie{"commit with a high-S signature", lie<with_high_s>},
    CommitLie{"commit of another DID", lie<of_another_did>},
    CommitLie{"commit of another rev", lie<of_another_rev>},
    CommitLie{"commit of the future", lie<of_the_future>},
    CommitLie{"commit without its block", lie<without_commit>},
    CommitLie{"commit without its root", lie<without_root>},
    CommitLie{"commit without a record", lie<without_record>},
    CommitLie{"commit of another past", lie<of_another_past>},
    CommitLie{"commit behind another rev", lie<behind_another_rev>},
    CommitLie{"commit without prevData", lie<without_prev_data>},
    CommitLie{"commit without prevData and prev", lie<of_old_form>},
    CommitLie{"commit that is tooBig", lie<too_big>},
    CommitLie{"commit that is a rebase", lie<rebased>},
    CommitLie{"commit with a null op", lie<with_null_op>},
    CommitLie{"commit with an op not done", lie<with_op_not_done>},
    CommitLie{"commit with an op of other content", lie<with_op_of_other_content>},
    CommitLie{"commit that hides an op", lie<without_an_op>},
    CommitLie{"commit with an op twice", lie<with_op_twice>},
    CommitLie{"commit with an unknown action", lie<with_unknown_action>},
    CommitLie{"commit with a bad path", lie<with_bad_path>},
    CommitLie{"commit with too many ops", lie<with_too_many_ops>},
    CommitLie{"commit with too many bytes", lie<with_too_many_bytes>},
    CommitLie{"commit of another root", lie<of_another_root>},
    CommitLie{"commit with torn blocks", lie<with_torn_blocks>},
    CommitLie{"commit with changed blocks", lie<with_changed_blocks>},
    CommitLie{"commit with garbage for blocks", lie<with_garbage_for_blocks>},
    CommitLie{"commit without a time", lie<of_no_time>},
};

}  // namespace

std::span<const CommitLie> commit_lies() { return kLies; }

}  // namespace tap::faults
