// SPDX-License-Identifier: MIT
#include "support/atproto/messages.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/cbor.hpp"

namespace tap::test {
namespace {

using atproto::Cid;
using atproto::cbor::Writer;

void field(Writer& writer, std::string_view key, std::string_view value) {
  writer.text(key);
  writer.text(value);
}
void field(Writer& writer, std::string_view key, std::int64_t value) {
  writer.text(key);
  writer.integer(value);
}
void link(Writer& writer, std::string_view key, const std::optional<Cid>& cid) {
  writer.text(key);
  if (cid) {
    writer.link(*cid);
  } else {
    writer.null();
  }
}

void write_op(Writer& writer, const CommitMessage::Op& op) {
  writer.map(op.prev ? 4 : 3);
  link(writer, "cid", op.cid);
  field(writer, "path", op.path);
  if (op.prev) link(writer, "prev", op.prev);
  field(writer, "action", op.action);
}

}  // namespace

Bytes make_car(const Cid& root, const std::vector<Block>& blocks) {
  Bytes out;
  atproto::car::Writer writer(out, root);
  for (const Block& block : blocks) writer.block(block.cid, block.bytes);
  return out;
}

void CommitMessage::drop(const Cid& cid) {
  std::erase_if(blocks, [&](const Block& block) { return block.cid == cid; });
}

Bytes CommitMessage::payload() const {
  Bytes out;
  Writer writer(out);
  writer.map(prev_data ? 12 : 11);
  writer.text("ops");
  writer.array(ops.size() + (null_op ? 1 : 0));
  for (const Op& op : ops) write_op(writer, op);
  if (null_op) writer.null();
  field(writer, "rev", rev);
  field(writer, "seq", seq);
  field(writer, "repo", repo);
  field(writer, "time", time);
  writer.text("blobs");
  writer.array(0);
  writer.text("since");
  if (since) {
    writer.text(*since);
  } else {
    writer.null();
  }
  writer.text("blocks");
  writer.bytes(car ? *car : make_car(commit, blocks));
  link(writer, "commit", commit);
  writer.text("rebase");
  writer.boolean(rebase);
  writer.text("tooBig");
  writer.boolean(too_big);
  if (prev_data) link(writer, "prevData", prev_data);
  return out;
}

Bytes CommitMessage::frame() const { return message_frame("#commit", payload()); }

Bytes SyncMessage::payload() const {
  Bytes out;
  Writer writer(out);
  writer.map(5);
  field(writer, "did", did);
  field(writer, "rev", rev);
  field(writer, "seq", seq);
  field(writer, "time", time);
  writer.text("blocks");
  writer.bytes(car);
  return out;
}

Bytes SyncMessage::frame() const { return message_frame("#sync", payload()); }

Bytes IdentityMessage::payload() const {
  Bytes out;
  Writer writer(out);
  writer.map(handle ? 4 : 3);
  field(writer, "did", did);
  field(writer, "seq", seq);
  field(writer, "time", time);
  if (handle) field(writer, "handle", *handle);
  return out;
}

Bytes IdentityMessage::frame() const { return message_frame("#identity", payload()); }

Bytes AccountMessage::payload() const {
  Bytes out;
  Writer writer(out);
  writer.map(status ? 5 : 4);
  field(writer, "did", did);
  field(writer, "seq", seq);
  field(writer, "time", time);
  writer.text("active");
  writer.boolean(active);
  if (status) field(writer, "status", *status);
  return out;
}

Bytes AccountMessage::frame() const { return message_frame("#account", payload()); }

Bytes info_frame(std::string_view name, std::string_view message) {
  Bytes payload;
  Writer writer(payload);
  writer.map(2);
  field(writer, "name", name);
  field(writer, "message", message);
  return message_frame("#info", payload);
}

Bytes error_frame(std::string_view error, std::string_view message) {
  Bytes out;
  Writer writer(out);
  writer.map(1);
  field(writer, "op", std::int64_t{-1});
  writer.map(2);
  field(writer, "error", error);
  field(writer, "message", message);
  return out;
}

Bytes message_frame(std::string_view type, ByteView payload) {
  Bytes out;
  Writer writer(out);
  writer.map(2);
  field(writer, "t", type);
  field(writer, "op", std::int64_t{1});
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

}  // namespace tap::test
