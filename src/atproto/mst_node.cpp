// SPDX-License-Identifier: MIT
#include "atproto/mst_node.hpp"

#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"

#include <algorithm>
#include <bit>

namespace tap::atproto::mst {
namespace {

/// The fixed parts of a node's canonical encoding: heads of maps and keys. Comparing them whole is what makes decoding
/// cheap; nothing else is a node.
constexpr std::string_view kNode =
    "\xa2"
    "ae";
constexpr std::string_view kEntry =
    "\xa4"
    "ak";
constexpr std::string_view kPrefix = "ap";
constexpr std::string_view kRight = "at";
constexpr std::string_view kValue = "av";
constexpr std::string_view kLeft = "al";

Result<void> expect(cbor::Reader& reader, std::string_view encoded) {
  if (!reader.skip_if(as_bytes(encoded))) return fail(Errc::mst_malformed, "not the fields of a node");
  return {};
}

Result<std::optional<Cid>> read_subtree(cbor::Reader& reader, std::string_view name) {
  if (auto key = expect(reader, name); !key) return std::unexpected(key.error());
  auto cid = reader.read_cid_or_null();
  if (cid && *cid && (*cid)->codec() != Cid::Codec::dag_cbor)
    return fail(Errc::mst_malformed, "subtree of another codec");
  return cid;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const auto [left, right] = std::ranges::mismatch(a, b);
  return static_cast<std::size_t>(left - a.begin());
}

/// Rules 1 to 4: prefix and suffix make a key that follows `previous`, compressed as far as it can be.
Result<std::string> expand_key(std::string_view previous, std::int64_t prefix, std::string_view suffix) {
  if (prefix < 0 || static_cast<std::size_t>(prefix) > previous.size()) {
    return fail(Errc::mst_malformed, "prefix length out of range");
  }
  std::string key;
  key.reserve(static_cast<std::size_t>(prefix) + suffix.size());
  key.append(previous.substr(0, static_cast<std::size_t>(prefix))).append(suffix);
  if (key.empty() || key.size() > kMaxKeyBytes) return fail(Errc::mst_malformed, "key of a wrong size");
  if (key <= previous) return fail(Errc::mst_malformed, "keys out of order");
  if (common_prefix(previous, key) != static_cast<std::size_t>(prefix)) {
    return fail(Errc::mst_malformed, "prefix not compressed");
  }
  return key;
}

Result<Entry> read_entry(cbor::Reader& reader, std::string_view previous) {
  if (auto begun = expect(reader, kEntry); !begun) return std::unexpected(begun.error());
  auto suffix = reader.read_bytes();
  if (!suffix) return std::unexpected(suffix.error());
  if (auto key = expect(reader, kPrefix); !key) return std::unexpected(key.error());
  auto prefix = reader.read_int();
  if (!prefix) return std::unexpected(prefix.error());
  auto right = read_subtree(reader, kRight);
  if (!right) return std::unexpected(right.error());
  if (auto key = expect(reader, kValue); !key) return std::unexpected(key.error());
  auto value = reader.read_cid();
  if (!value) return std::unexpected(value.error());
  auto key = expand_key(previous, *prefix, as_text(*suffix));
  if (!key) return std::unexpected(key.error());
  return Entry{std::move(*key), *value, *right};
}

Result<Node> read_node(ByteView block) {
  cbor::Reader reader(block);
  if (auto begun = expect(reader, kNode); !begun) return std::unexpected(begun.error());
  auto count = reader.read_array();
  if (!count) return std::unexpected(count.error());
  if (*count > kMaxEntries) return fail(Errc::mst_malformed, "too many entries");
  Node node;
  node.entries.reserve(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    auto entry = read_entry(reader, i == 0 ? std::string_view() : node.entries.back().key);
    if (!entry) return std::unexpected(entry.error());
    node.entries.push_back(std::move(*entry));
  }
  auto left = read_subtree(reader, kLeft);
  if (!left) return std::unexpected(left.error());
  node.left = *left;
  if (auto ended = reader.expect_end(); !ended) return std::unexpected(ended.error());
  return node;
}

/// Rules 5 and 8: one layer for all keys, and nothing below layer 0.
Result<void> check_layers(Node& node) {
  for (const Entry& entry : node.entries) {
    const int layer = layer_of(entry.key);
    if (node.layer.value_or(layer) != layer) return fail(Errc::mst_malformed, "keys of different layers");
    node.layer = layer;
  }
  const bool has_children =
      node.left || std::ranges::any_of(node.entries, [](const Entry& e) { return e.right.has_value(); });
  if (node.layer == 0 && has_children) return fail(Errc::mst_malformed, "subtree below layer 0");
  return {};
}

}  // namespace

int layer_of(std::string_view key) {
  const Digest digest = sha256(as_bytes(key));
  int zeros = 0;
  for (const std::uint8_t byte : digest) {
    zeros += std::countl_zero(byte);
    if (byte != 0) break;
  }
  return zeros / 2;
}

Result<Node> Node::decode(ByteView block) {
  auto node = read_node(block);
  if (!node) {
    if (node.error() == Errc::mst_malformed) return node;
    return fail(Errc::mst_malformed, node.error().message());
  }
  if (auto layers = check_layers(*node); !layers) return std::unexpected(layers.error());
  return node;
}

Bytes Node::encode() const {
  NodeWriter writer(entries.size());
  for (const Entry& entry : entries) writer.entry(entry.key, entry.value, entry.right);
  return writer.finish(left);
}

NodeWriter::NodeWriter(std::size_t entries) {
  constexpr std::size_t kUsualEntry = 128;
  out_.reserve((entries + 1) * kUsualEntry);
  writer_.map(2);
  writer_.text("e");
  writer_.array(entries);
}

void NodeWriter::entry(std::string_view key, const Cid& value, const std::optional<Cid>& right) {
  const std::size_t prefix = common_prefix(previous_, key);
  writer_.map(4);
  writer_.text("k");
  writer_.bytes(as_bytes(key.substr(prefix)));
  writer_.text("p");
  writer_.integer(static_cast<std::int64_t>(prefix));
  writer_.text("t");
  subtree(right);
  writer_.text("v");
  writer_.link(value);
  previous_ = key;
}

Bytes NodeWriter::finish(const std::optional<Cid>& left) {
  writer_.text("l");
  subtree(left);
  return std::move(out_);
}

void NodeWriter::subtree(const std::optional<Cid>& cid) {
  if (cid) {
    writer_.link(*cid);
  } else {
    writer_.null();
  }
}

}  // namespace tap::atproto::mst
