// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Second opinions on DAG-CBOR for tests and fuzzers: small, slow, obviously right, and sharing no code with the
/// parsers.
namespace tap::test::slow {

/// Canonical order of map keys: length, then bytes.
struct KeyOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }
};

struct Value;
struct Null {};
struct Link {
  Bytes bytes;  ///< what stands behind the 00
};
using Array = std::vector<Value>;
using Map = std::map<std::string, Value, KeyOrder>;

/// Everything that canonical data can be, as a tree.
struct Value {
  std::variant<Null, bool, std::int64_t, Bytes, std::string, Link, Array, Map> data;
};

/// Reads loosely: every well-formed item of these kinds, in whatever order and width; a repeated key replaces. Empty
/// when the input is not exactly one such item, or is nested deeper than `depth`.
[[nodiscard]] std::optional<Value> decode(ByteView bytes, std::size_t depth = 32);
/// The one canonical encoding.
[[nodiscard]] Bytes encode(const Value& value);
/// True when the bytes are the canonical encoding of something, texts being UTF-8.
[[nodiscard]] bool is_canonical(ByteView bytes);
/// What protocol 2.4 makes of a record that follows the data model; empty for any other.
[[nodiscard]] std::optional<std::string> record_json(ByteView bytes);

}  // namespace tap::test::slow
