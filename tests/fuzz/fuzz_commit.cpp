// SPDX-License-Identifier: MIT
// What is taken for a commit is one in the opinion of a slow decoder, too, and nothing else is; it is the one encoding
// of its content.
#include "tap/atproto/commit.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/slow_cbor.hpp"

using namespace tap;
namespace slow = test::slow;

namespace {

/// Of a dag-cbor block: version, codec, SHA-256, 32 bytes.
bool is_block_link(const slow::Value& value) {
  const auto* link = std::get_if<slow::Link>(&value.data);
  return link != nullptr && link->bytes.size() == 36 && as_text(link->bytes).starts_with("\x01\x71\x12\x20");
}

template <class Check>
bool is_text(const slow::Value& value, Check check) {
  const auto* text = std::get_if<std::string>(&value.data);
  return text != nullptr && check(*text);
}

/// Protocol 4: six fields, no others.
bool is_commit(ByteView block) {
  if (!slow::is_canonical(block)) return false;
  const auto value = slow::decode(block);
  const auto* fields = value ? std::get_if<slow::Map>(&value->data) : nullptr;
  if (fields == nullptr || fields->size() != 6) return false;
  for (const auto* name : {"did", "rev", "sig", "data", "prev", "version"}) {
    if (!fields->contains(name)) return false;
  }
  const auto* version = std::get_if<std::int64_t>(&fields->at("version").data);
  const auto* sig = std::get_if<Bytes>(&fields->at("sig").data);
  const slow::Value& prev = fields->at("prev");
  return version != nullptr && *version == 3 && sig != nullptr && sig->size() == 64 &&
         (std::holds_alternative<slow::Null>(prev.data) || is_block_link(prev)) && is_block_link(fields->at("data")) &&
         is_text(fields->at("did"), [](std::string_view text) { return atproto::Did::parse(text).has_value(); }) &&
         is_text(fields->at("rev"), [](std::string_view text) { return atproto::Tid::parse(text).has_value(); });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView block(data, size);
  const auto commit = atproto::Commit::decode(block);
  fuzz::require(commit.has_value() == is_commit(block));
  if (commit) fuzz::require(as_text(commit->encode()) == as_text(block));
  return 0;
}
