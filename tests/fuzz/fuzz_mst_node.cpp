// SPDX-License-Identifier: MIT
// What is taken for a node is one in the opinion of a slow decoder, too, and nothing else is; it is the one encoding of
// its content.
#include "tap/atproto/mst.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/slow_cbor.hpp"
#include "support/atproto/slow_mst.hpp"

#include <optional>

using namespace tap;
namespace slow = test::slow;

namespace {

enum class Kind { node, record };

/// 36 bytes with a SHA-256: of a node, or of a record in either codec.
bool is_link(const slow::Value& value, Kind kind) {
  const auto* link = std::get_if<slow::Link>(&value.data);
  if (link == nullptr || link->bytes.size() != 36) return false;
  const std::string_view text = as_text(link->bytes);
  return text.starts_with("\x01\x71\x12\x20") || (kind == Kind::record && text.starts_with("\x01\x55\x12\x20"));
}

bool is_null(const slow::Value& value) { return std::holds_alternative<slow::Null>(value.data); }

const slow::Map* fields_of(const slow::Value& value, std::initializer_list<const char*> names) {
  const auto* fields = std::get_if<slow::Map>(&value.data);
  if (fields == nullptr || fields->size() != names.size()) return nullptr;
  for (const char* name : names) {
    if (!fields->contains(name)) return nullptr;
  }
  return fields;
}

/// The key that an entry makes of the one before it; empty when the entry is none.
std::string key_of(const slow::Map& entry, const std::string& before) {
  const auto* prefix = std::get_if<std::int64_t>(&entry.at("p").data);
  const auto* suffix = std::get_if<Bytes>(&entry.at("k").data);
  if (prefix == nullptr || suffix == nullptr || *prefix < 0) return {};
  const auto shared = static_cast<std::size_t>(*prefix);
  if (shared > before.size()) return {};
  std::string key = before.substr(0, shared) + std::string(as_text(*suffix));
  // Not more of them is alike.
  const bool is_shortest = shared == before.size() || shared == key.size() || before[shared] != key[shared];
  return key.size() <= atproto::mst::kMaxKeyBytes && key > before && is_shortest ? key : std::string();
}

/// Protocol 5.2: the rules for one node.
bool is_node(ByteView block) {
  if (!slow::is_canonical(block)) return false;
  const auto value = slow::decode(block);
  const auto* node = value ? fields_of(*value, {"e", "l"}) : nullptr;
  const auto* entries = node == nullptr ? nullptr : std::get_if<slow::Array>(&node->at("e").data);
  if (entries == nullptr || entries->size() > atproto::mst::kMaxEntries) return false;
  bool has_children = !is_null(node->at("l"));
  if (has_children && !is_link(node->at("l"), Kind::node)) return false;
  std::string before;
  std::optional<int> layer;
  for (const slow::Value& item : *entries) {
    const auto* entry = fields_of(item, {"k", "p", "t", "v"});
    if (entry == nullptr || !is_link(entry->at("v"), Kind::record)) return false;
    const slow::Value& right = entry->at("t");
    if (!is_null(right) && !is_link(right, Kind::node)) return false;
    has_children = has_children || !is_null(right);
    before = key_of(*entry, before);
    if (before.empty() || layer.value_or(slow::layer(before)) != slow::layer(before)) return false;
    layer = slow::layer(before);
  }
  return !(layer == 0 && has_children);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView block(data, size);
  const auto node = atproto::mst::Node::decode(block);
  fuzz::require(node.has_value() == is_node(block));
  if (node) fuzz::require(as_text(node->encode()) == as_text(block));
  return 0;
}
