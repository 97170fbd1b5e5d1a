// SPDX-License-Identifier: MIT
#include "support/atproto/account.hpp"

#include "tap/atproto/car.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

namespace tap::test {
namespace {

using atproto::Action;
using atproto::Cid;

atproto::Did did_of(std::uint64_t number) {
  std::string id;
  atproto::append_base32(id, atproto::sha256(as_bytes("account " + std::to_string(number))));
  return atproto::Did::parse("did:plc:" + id.substr(0, 24)).value();
}

std::string_view name_of(Action action) {
  return action == Action::create ? "create" : action == Action::update ? "update" : "delete";
}

Cid cid_of(ByteView block) { return Cid::of(Cid::Codec::dag_cbor, block); }

/// Writes the blocks of a tree each before its subtrees, records between them in key order.
class StreamingWriter {
 public:
  StreamingWriter(atproto::car::Writer& writer, const std::unordered_map<Cid, Bytes>& nodes,
                  const std::map<std::string, Bytes>& records)
      : writer_(writer), nodes_(nodes), records_(records) {}

  void node(const Cid& cid) {
    const Bytes& bytes = nodes_.at(cid);
    writer_.block(cid, bytes);
    const auto node = atproto::mst::Node::decode(bytes).value();
    if (node.left) this->node(*node.left);
    for (const auto& entry : node.entries) {
      writer_.block(entry.value, records_.at(entry.key));
      if (entry.right) this->node(*entry.right);
    }
  }

 private:
  atproto::car::Writer& writer_;
  const std::unordered_map<Cid, Bytes>& nodes_;
  const std::map<std::string, Bytes>& records_;
};

}  // namespace

Write create(std::string path, Bytes record) { return {Action::create, std::move(path), std::move(record)}; }
Write update(std::string path, Bytes record) { return {Action::update, std::move(path), std::move(record)}; }
Write remove(std::string path) { return {Action::remove, std::move(path), {}}; }

Account::Account(std::uint64_t number, atproto::Curve curve) : Account(number, did_of(number), curve) {}

Account::Account(std::uint64_t number, atproto::Did did, atproto::Curve curve)
    : did_(std::move(did)), handle_("account" + std::to_string(number) + ".test"), key_(curve, number), tids_(number) {}

CommitMessage::Op Account::apply(const Write& write) {
  CommitMessage::Op op{std::string(name_of(write.action)), write.path, {}, {}};
  if (write.action != Action::remove) op.cid = cid_of(write.record);
  op.prev = (op.cid ? tree_.insert(write.path, *op.cid) : tree_.remove(write.path)).value();
  if (op.prev.has_value() != (write.action != Action::create)) throw std::logic_error("no such write: " + write.path);
  if (op.cid) {
    records_[write.path] = write.record;
  } else {
    records_.erase(write.path);
  }
  return op;
}

/// Signs the tree as it is and makes it the head.
void Account::seal(const SignedLies& lies) {
  const Head head{next_rev_ ? *next_rev_ : tids_.next(), {}, tree_.root()};
  next_rev_.reset();
  atproto::Commit commit{lies.did.value_or(did_), lies.rev.value_or(head.rev), lies.data.value_or(head.data), {}, {}};
  const SigningKey& key = lies.key ? *lies.key : key_;
  const auto digest = atproto::sha256(commit.unsigned_bytes());
  commit.sig = lies.high_s ? key.sign_high_s(digest) : key.sign(digest);
  commit_block_ = commit.encode();
  head_ = head;
  head_->commit = cid_of(commit_block_);
}

CommitMessage Account::commit(const std::vector<Write>& writes, const SignedLies& lies) {
  const std::optional<Head> before = head_;
  CommitMessage message;
  message.prev_data = before ? before->data : tree_.root();
  for (const Write& write : writes) message.ops.push_back(apply(write));
  seal(lies);
  message.repo = did_.str();
  message.rev = head_->rev.str();
  message.time = datetime_of(head_->rev);
  if (before) message.since = before->rev.str();
  message.commit = head_->commit;
  message.blocks.push_back({head_->commit, commit_block_});
  std::unordered_set<Cid> seen;
  const auto keep = [&](const Cid& cid, ByteView bytes) {
    if (seen.insert(cid).second) message.blocks.push_back({cid, Bytes(bytes.begin(), bytes.end())});
  };
  for (const Write& write : writes) tree_.each_node_around(write.path, keep);
  if (writes.empty()) tree_.each_node_around("", keep);  // the root, at least
  for (const Write& write : writes) {
    if (write.action != Action::remove) keep(cid_of(write.record), write.record);
  }
  return message;
}

CommitMessage Account::post() { return commit({create(new_path(), post_record(++posts_))}); }

void Account::fill(std::size_t posts) {
  for (std::size_t i = 0; i < posts; ++i) apply(create(new_path(), post_record(++posts_)));
  seal({});
}

SyncMessage Account::sync() const {
  const Head& head = head_.value();
  return {0, did_.str(), head.rev.str(), datetime_of(head.rev), make_car(head.commit, {{head.commit, commit_block_}})};
}

IdentityMessage Account::identity() const {
  IdentityMessage message;
  message.did = did_.str();
  message.handle = handle_;
  return message;
}

AccountMessage Account::status(bool active, std::optional<std::string> reason) const {
  AccountMessage message;
  message.did = did_.str();
  message.active = active;
  message.status = std::move(reason);
  return message;
}

Bytes Account::full_car(Order order) {
  const Head& head = head_.value();
  Bytes out;
  atproto::car::Writer writer(out, head.commit);
  const auto nodes = [&] { tree_.each_node([&](const Cid& cid, ByteView bytes) { writer.block(cid, bytes); }); };
  const auto records = [&] {
    for (const auto& [path, record] : records_) writer.block(cid_of(record), record);
  };
  if (order == Order::records_first) {
    records();
    nodes();
    writer.block(head.commit, commit_block_);
    return out;
  }
  writer.block(head.commit, commit_block_);
  if (order == Order::nodes_first) {
    nodes();
    records();
    return out;
  }
  std::unordered_map<Cid, Bytes> by_cid;
  tree_.each_node([&](const Cid& cid, ByteView bytes) { by_cid.emplace(cid, Bytes(bytes.begin(), bytes.end())); });
  StreamingWriter(writer, by_cid, records_).node(head.data);
  return out;
}

}  // namespace tap::test
