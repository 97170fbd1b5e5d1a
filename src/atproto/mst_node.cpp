// SPDX-License-Identifier: MIT
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"

#include <algorithm>
#include <bit>

namespace tap::atproto::mst {
namespace {

/// The next key must be this one.
Result<void> expect_key(cbor::MapReader& map, std::string_view name) {
  auto key = map.next();
  if (!key) return std::unexpected(key.error());
  if (*key != name) return fail(Errc::mst_malformed, "unknown field");
  return {};
}

Result<cbor::MapReader> open_map(cbor::Reader& reader, std::size_t pairs) {
  auto map = cbor::MapReader::open(reader);
  if (!map) return map;
  if (map->left() != pairs) return fail(Errc::mst_malformed, "wrong number of fields");
  return map;
}

Result<std::optional<Cid>> read_subtree(cbor::MapReader& map, cbor::Reader& reader, std::string_view name) {
  if (auto key = expect_key(map, name); !key) return std::unexpected(key.error());
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
  std::string key(previous.substr(0, static_cast<std::size_t>(prefix)));
  key += suffix;
  if (key.empty() || key.size() > kMaxKeyBytes) return fail(Errc::mst_malformed, "key of a wrong size");
  if (key <= previous) return fail(Errc::mst_malformed, "keys out of order");
  if (common_prefix(previous, key) != static_cast<std::size_t>(prefix)) {
    return fail(Errc::mst_malformed, "prefix not compressed");
  }
  return key;
}

Result<Entry> read_entry(cbor::Reader& reader, std::string_view previous) {
  auto map = open_map(reader, 4);
  if (!map) return std::unexpected(map.error());
  if (auto key = expect_key(*map, "k"); !key) return std::unexpected(key.error());
  auto suffix = reader.read_bytes();
  if (!suffix) return std::unexpected(suffix.error());
  if (auto key = expect_key(*map, "p"); !key) return std::unexpected(key.error());
  auto prefix = reader.read_int();
  if (!prefix) return std::unexpected(prefix.error());
  auto right = read_subtree(*map, reader, "t");
  if (!right) return std::unexpected(right.error());
  if (auto key = expect_key(*map, "v"); !key) return std::unexpected(key.error());
  auto value = reader.read_cid();
  if (!value) return std::unexpected(value.error());
  auto key = expand_key(previous, *prefix, as_text(*suffix));
  if (!key) return std::unexpected(key.error());
  return Entry{std::move(*key), *value, *right};
}

Result<Node> read_node(ByteView block) {
  cbor::Reader reader(block);
  auto map = open_map(reader, 2);
  if (!map) return std::unexpected(map.error());
  if (auto key = expect_key(*map, "e"); !key) return std::unexpected(key.error());
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
  auto left = read_subtree(*map, reader, "l");
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
  Bytes out;
  cbor::Writer writer(out);
  const auto subtree = [&](const std::optional<Cid>& cid) {
    if (cid) {
      writer.link(*cid);
    } else {
      writer.null();
    }
  };
  writer.map(2);
  writer.text("e");
  writer.array(entries.size());
  std::string_view previous;
  for (const Entry& entry : entries) {
    const std::size_t prefix = common_prefix(previous, entry.key);
    writer.map(4);
    writer.text("k");
    writer.bytes(as_bytes(std::string_view(entry.key).substr(prefix)));
    writer.text("p");
    writer.integer(static_cast<std::int64_t>(prefix));
    writer.text("t");
    subtree(entry.right);
    writer.text("v");
    writer.link(entry.value);
    previous = entry.key;
  }
  writer.text("l");
  subtree(left);
  return out;
}

}  // namespace tap::atproto::mst
