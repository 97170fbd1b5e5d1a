// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

/// Canonical DAG-CBOR (protocol 2.1): the one encoding that commits, nodes, records and frames may have.
namespace tap::atproto::cbor {

struct Limits {
  std::size_t depth = 32;          ///< nesting of arrays and maps
  std::size_t elements = 131'072;  ///< items of one array, pairs of one map
  std::size_t key_bytes = 8'192;   ///< one map key
};

enum class Kind : std::uint8_t { unsigned_int, negative_int, bytes, text, array, map, link, boolean, null };

/// Pulls items off a buffer, which must outlive it; views point into it. Strict: anything outside 2.1 fails, and no
/// item is read beyond the end. Map keys are checked by MapReader. Not thread-safe; costs no allocation.
class Reader {
 public:
  explicit Reader(ByteView bytes, Limits limits = {}) : bytes_(bytes), limits_(limits) {}

  [[nodiscard]] Result<Kind> peek() const;
  [[nodiscard]] Result<std::int64_t> read_int();
  [[nodiscard]] Result<bool> read_bool();
  [[nodiscard]] Result<ByteView> read_bytes();
  /// Valid UTF-8.
  [[nodiscard]] Result<std::string_view> read_text();
  /// The CID bytes behind tag 42 and its 00: at most 100 bytes, of any form.
  [[nodiscard]] Result<ByteView> read_link_bytes();
  /// A link of the structural form.
  [[nodiscard]] Result<Cid> read_cid();
  /// Null gives an empty optional.
  [[nodiscard]] Result<std::optional<Cid>> read_cid_or_null();
  [[nodiscard]] Result<void> read_null();
  [[nodiscard]] Result<std::size_t> read_array();
  [[nodiscard]] Result<std::size_t> read_map();
  /// Skips one item whole, checking it, canonical key order included.
  [[nodiscard]] Result<void> skip();
  /// Skips one item and gives its bytes.
  [[nodiscard]] Result<ByteView> read_raw();
  /// Skips these very bytes, which whole items or their heads encode to; false when others are next.
  [[nodiscard]] bool skip_if(ByteView encoded);

  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] bool at_end() const { return offset_ == bytes_.size(); }
  /// cbor_trailing unless everything was read.
  [[nodiscard]] Result<void> expect_end() const;

 private:
  struct Head;
  [[nodiscard]] Result<Head> read_head();
  [[nodiscard]] Result<ByteView> read_string(std::uint8_t major, const char* wanted);
  [[nodiscard]] Result<std::size_t> checked_count(std::uint64_t count, std::size_t least_bytes_each) const;
  [[nodiscard]] Result<void> skip_item(std::size_t depth);
  [[nodiscard]] Result<void> skip_array(std::size_t depth);
  [[nodiscard]] Result<void> skip_map(std::size_t depth);
  ByteView bytes_;
  Limits limits_;
  std::size_t offset_ = 0;
};

/// Walks one map's keys in their canonical order (length first, then bytes); fails on disorder and repetition.
///   auto map = MapReader::open(reader); while (map->more()) { auto key = map->next(); ... read the value ... }
class MapReader {
 public:
  [[nodiscard]] static Result<MapReader> open(Reader& reader);
  [[nodiscard]] bool more() const { return left_ > 0; }
  /// Pairs to come.
  [[nodiscard]] std::size_t left() const { return left_; }
  [[nodiscard]] Result<std::string_view> next();

 private:
  MapReader(Reader& reader, std::size_t pairs) : reader_(&reader), left_(pairs) {}
  Reader* reader_;
  std::size_t left_;
  std::optional<std::string_view> last_;
};

/// True when key `a` sorts before `b` in canonical order.
[[nodiscard]] bool key_less(std::string_view a, std::string_view b);

/// One whole canonical item, nothing behind it, within the limits.
[[nodiscard]] Result<void> validate(ByteView bytes, Limits limits = {});

/// Appends canonical items to a buffer. The caller gives map keys in canonical order and the announced number of items.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  void integer(std::int64_t value);
  void bytes(ByteView value);
  void text(std::string_view value);
  void array(std::size_t items);
  void map(std::size_t pairs);
  void link(const Cid& cid);
  void boolean(bool value);
  void null();

 private:
  void head(std::uint8_t major, std::uint64_t argument);
  Bytes& out_;
};

/// Appends a record as JSON in the form of protocol 2.4: keys in byte order, exact integers, $link, $bytes and blobs in
/// their canonical shape, Go's string escapes. One pass, no DOM. The bytes must be one canonical map of at most 1 MiB
/// that follows the data model (2.2), and the JSON at most 2 MiB (12); otherwise an error, and `out` is as before, but
/// for its capacity. A record that the official client could not parse (integers beyond 2^53-1 are kept: they are exact
/// here) is the caller's to weigh.
[[nodiscard]] Result<void> append_record_json(ByteView cbor, std::string& out);

}  // namespace tap::atproto::cbor
