// SPDX-License-Identifier: MIT
// A PDS that lies and signs its lies. The input is a recipe: honest operations on a known repo, then changes of the
// operations, the tree and the blocks, and only then the signature. Whatever is believed must be what the operations
// make of the repo before, by a tree built anew.
#include "tap/atproto/cbor.hpp"
#include "tap/outbox/event.hpp"
#include "tap/verify/commit.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/account.hpp"
#include "support/atproto/slow_cbor.hpp"
#include "support/atproto/slow_mst.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

using namespace tap;
using atproto::Cid;
using test::CommitMessage;
namespace slow = test::slow;

namespace {

constexpr std::uint8_t kRecords = 24;
constexpr atproto::Tid kSince{std::uint64_t{1'704'067'200'000'000} << 10};
constexpr atproto::Tid kRev{kSince.value() + 1024};

std::string key_of(std::uint8_t number) { return "com.example.record/" + std::to_string(number * 7919U); }
Cid cid_of(ByteView block) { return Cid::of(Cid::Codec::dag_cbor, block); }

/// The repo that everybody knows.
struct Before {
  test::SigningKey key{atproto::Curve::k256, 1};
  atproto::Did did = test::Account(1).did();
  slow::Records records;
  slow::BuiltTree tree;
  Before() {
    for (std::uint8_t i = 0; i < kRecords; ++i) records.emplace(key_of(i), cid_of(test::post_record(i)));
    tree = slow::build_tree(records);
  }
};

/// Up to seven operations that fit the repo.
slow::Records write(fuzz::Input& input, const Before& before, CommitMessage& message) {
  slow::Records records = before.records;
  for (int left = input.byte() % 8; left > 0; --left) {
    const std::string path = key_of(input.byte() % (2 * kRecords));
    const std::uint8_t how = input.byte();
    const auto held = records.find(path);
    CommitMessage::Op op{"create", path, {}, {}};
    if (held != records.end()) {
      op.action = how % 2 == 0 ? "delete" : "update";
      op.prev = held->second;
    }
    if (op.action == "delete") {
      records.erase(path);
    } else {
      const std::string_view odd = input.text();
      const Bytes record = odd.empty() ? test::post_record(100U + how) : Bytes(odd.begin(), odd.end());
      op.cid = cid_of(record);
      records.insert_or_assign(path, *op.cid);
      message.blocks.push_back({*op.cid, record});
    }
    message.ops.push_back(std::move(op));
  }
  return records;
}

/// Whether no path stands twice and each update changes its record.
bool is_sound(const CommitMessage& message) {
  std::set<std::string> paths;
  return std::ranges::all_of(
      message.ops, [&](const CommitMessage::Op& op) { return op.cid != op.prev && paths.insert(op.path).second; });
}

/// Changes one thing; `data` is what the commit will name as the tree's root.
void lie(fuzz::Input& input, const Before& before, CommitMessage& message, Cid& data) {
  const std::uint8_t what = input.byte();
  const std::uint8_t which = input.byte();
  auto& ops = message.ops;
  auto& blocks = message.blocks;
  CommitMessage::Op* op = ops.empty() ? nullptr : &ops[which % ops.size()];
  test::Block* block = blocks.empty() ? nullptr : &blocks[which % blocks.size()];
  switch (what % 9) {
    case 0:
      if (op != nullptr) ops.erase(ops.begin() + which % static_cast<std::ptrdiff_t>(ops.size()));
      break;
    case 1:
      ops.push_back({"create", key_of(which % (2 * kRecords)), block == nullptr ? data : block->cid, {}});
      break;
    case 2:
      if (op != nullptr) op->prev = before.records.begin()->second;
      break;
    case 3:
      if (op != nullptr && block != nullptr) op->cid = block->cid;
      break;
    case 4:
      if (op != nullptr) op->action = what % 2 == 0 ? "create" : "update";
      break;
    case 5:
      if (block == nullptr) break;
      if (!block->bytes.empty()) block->bytes[input.byte() % block->bytes.size()] ^= input.byte();
      if (std::exchange(block->cid, cid_of(block->bytes)) == data) data = block->cid;
      break;
    case 6:
      if (block != nullptr) data = block->cid;
      break;
    case 7:
      if (block != nullptr) blocks.erase(blocks.begin() + which % static_cast<std::ptrdiff_t>(blocks.size()));
      break;
    default:
      message.prev_data = which % 2 == 0 ? std::nullopt : std::optional(data);
  }
}

void sign(const Before& before, const Cid& data, CommitMessage& message) {
  atproto::Commit commit{before.did, kRev, data, {}, {}};
  commit.sig = before.key.sign(atproto::sha256(commit.unsigned_bytes()));
  const Bytes bytes = commit.encode();
  message.commit = cid_of(bytes);
  message.blocks.push_back({message.commit, bytes});
}

/// Each operation fits the repo, and all together give the tree.
void check_effect(slow::Records records, const atproto::CommitEvent& event, const Cid& data) {
  for (const atproto::Op& op : event.ops) {
    const std::string path(op.path);
    const auto held = records.find(path);
    fuzz::require((op.action == atproto::Action::create) == (held == records.end()));
    if (held != records.end()) fuzz::require(op.prev == held->second);
    if (op.cid) {
      records.insert_or_assign(path, *op.cid);
    } else {
      records.erase(path);
    }
  }
  fuzz::require(slow::build_tree(records).root == data);
}

void check_records(const CommitMessage& message, const verify::VerifiedCommit& commit) {
  for (const verify::RecordOp& op : commit.ops) {
    if (!op.cid) continue;
    const auto block = std::ranges::find(message.blocks, *op.cid, &test::Block::cid);
    fuzz::require(block != message.blocks.end());
    fuzz::require(op.record_json == slow::record_json(block->bytes).value_or(""));
    const auto event = outbox::render({.did = message.repo,
                                       .rev = message.rev,
                                       .collection = op.collection,
                                       .rkey = op.rkey,
                                       .action = "create",
                                       .record_json = op.record_json,
                                       .cid = &*op.cid});
    fuzz::require(nlohmann::json::accept("{\"id\":1" + event.body));
    fuzz::require(outbox::subject_of(event.body).rkey == op.rkey);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Before before;
  fuzz::Input input(ByteView(data, size).first(std::min<std::size_t>(size, 300)));
  CommitMessage message;
  message.repo = before.did.str();
  message.rev = kRev.str();
  message.since = kSince.str();
  message.time = test::datetime_of(kRev);
  message.prev_data = before.tree.root;
  const slow::Records after = write(input, before, message);
  const slow::BuiltTree tree = slow::build_tree(after);
  for (const auto* nodes : {&before.tree.nodes, &tree.nodes}) {
    for (const auto& [cid, bytes] : *nodes) message.blocks.push_back({cid, bytes});
  }
  Cid root = tree.root;
  const bool honest = input.empty();
  while (!input.empty()) lie(input, before, message, root);
  sign(before, root, message);

  const Bytes payload = message.payload();
  const auto event = atproto::decode_commit(payload);
  fuzz::require(event.has_value());
  const auto commit = verify::check_commit(*event, before.key.public_key(), {});
  if (honest && is_sound(message)) fuzz::require(commit.has_value());
  if (!commit) return 0;
  fuzz::require(commit->data == root && commit->ops.size() == message.ops.size());
  if (message.prev_data == before.tree.root) check_effect(before.records, *event, root);
  check_records(message, *commit);
  return 0;
}
