// SPDX-License-Identifier: MIT
#include "tap/atproto/cbor.hpp"

#include "tap/atproto/error.hpp"

#include <simdjson.h>

#include <limits>

namespace tap::atproto::cbor {
namespace {

constexpr std::size_t kMaxLinkBytes = 100;
constexpr std::uint64_t kTagLink = 42;

enum Major : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };
constexpr std::uint64_t kFalse = 20;
constexpr std::uint64_t kTrue = 21;
constexpr std::uint64_t kNull = 22;

/// Nearly all map keys and short strings are: for them the call of the vectorised check costs more than they do.
bool is_short_ascii(ByteView text) {
  if (text.size() > 32) return false;
  std::uint8_t bits = 0;
  for (const std::uint8_t byte : text) bits |= byte;
  return bits < 0x80;
}

}  // namespace

struct Reader::Head {
  std::uint8_t major;
  std::uint64_t argument;
};

Result<Reader::Head> Reader::read_head() {
  if (offset_ >= bytes_.size()) return fail(Errc::cbor_truncated);
  const std::uint8_t initial = bytes_[offset_];
  const std::uint8_t major = initial >> 5;
  const std::uint8_t info = initial & 31;
  if (info < 24) {
    ++offset_;
    return Head{major, info};
  }
  if (info > 27) return fail(Errc::cbor_not_canonical, "reserved or indefinite length");
  const std::size_t width = std::size_t{1} << (info - 24);
  if (bytes_.size() - offset_ - 1 < width) return fail(Errc::cbor_truncated);
  std::uint64_t argument = 0;
  for (std::size_t i = 1; i <= width; ++i) argument = (argument << 8) | bytes_[offset_ + i];
  // The next narrower form must not have sufficed.
  const std::uint64_t least = width == 1 ? 24 : std::uint64_t{1} << (4 * width);
  if (argument < least || major == kSimple) return fail(Errc::cbor_not_canonical, "argument not in its shortest form");
  offset_ += 1 + width;
  return Head{major, argument};
}

Result<Kind> Reader::peek() const {
  if (offset_ >= bytes_.size()) return fail(Errc::cbor_truncated);
  switch (bytes_[offset_] >> 5) {
    case kUnsigned:
      return Kind::unsigned_int;
    case kNegative:
      return Kind::negative_int;
    case kBytes:
      return Kind::bytes;
    case kText:
      return Kind::text;
    case kArray:
      return Kind::array;
    case kMap:
      return Kind::map;
    case kTag:
      return Kind::link;
    default:
      break;
  }
  const std::uint8_t simple = bytes_[offset_] & 31;
  if (simple == kFalse || simple == kTrue) return Kind::boolean;
  if (simple == kNull) return Kind::null;
  return fail(Errc::cbor_not_canonical, "float or undefined");
}

Result<std::int64_t> Reader::read_int() {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major > kNegative) return fail(Errc::cbor_type, "wants an integer");
  if (head->argument > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return fail(Errc::cbor_limit, "integer beyond 64 bits");
  }
  const auto value = static_cast<std::int64_t>(head->argument);
  return head->major == kUnsigned ? value : -1 - value;
}

Result<bool> Reader::read_bool() {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major != kSimple || (head->argument != kFalse && head->argument != kTrue)) {
    return fail(Errc::cbor_type, "wants a boolean");
  }
  return head->argument == kTrue;
}

Result<void> Reader::read_null() {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major != kSimple || head->argument != kNull) return fail(Errc::cbor_type, "wants null");
  return {};
}

Result<ByteView> Reader::read_string(std::uint8_t major, const char* wanted) {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major != major) return fail(Errc::cbor_type, wanted);
  if (head->argument > bytes_.size() - offset_) return fail(Errc::cbor_truncated);
  const ByteView out = bytes_.subspan(offset_, head->argument);
  offset_ += head->argument;
  return out;
}

Result<ByteView> Reader::read_bytes() { return read_string(kBytes, "wants bytes"); }

Result<std::string_view> Reader::read_text() {
  auto text = read_string(kText, "wants text");
  if (!text) return std::unexpected(text.error());
  if (!is_short_ascii(*text) && !simdjson::validate_utf8(as_text(*text)))
    return fail(Errc::cbor_not_canonical, "text is not UTF-8");
  return as_text(*text);
}

Result<ByteView> Reader::read_link_bytes() {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major != kTag) return fail(Errc::cbor_type, "wants a link");
  if (head->argument != kTagLink) return fail(Errc::cbor_not_canonical, "tag other than 42");
  auto content = read_string(kBytes, "a link holds bytes");
  if (!content) return content;
  if (content->size() < 2 || content->size() > kMaxLinkBytes + 1 || content->front() != 0) {
    return fail(Errc::cbor_not_canonical, "link of a wrong form");
  }
  return content->subspan(1);
}

Result<Cid> Reader::read_cid() {
  auto bytes = read_link_bytes();
  if (!bytes) return std::unexpected(bytes.error());
  return Cid::from_bytes(*bytes);
}

Result<std::optional<Cid>> Reader::read_cid_or_null() {
  auto kind = peek();
  if (!kind) return std::unexpected(kind.error());
  if (*kind == Kind::null) {
    ++offset_;
    return std::nullopt;
  }
  auto cid = read_cid();
  if (!cid) return std::unexpected(cid.error());
  return *cid;
}

Result<std::size_t> Reader::read_array() {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major != kArray) return fail(Errc::cbor_type, "wants an array");
  return checked_count(head->argument, 1);
}

Result<std::size_t> Reader::read_map() {
  auto head = read_head();
  if (!head) return std::unexpected(head.error());
  if (head->major != kMap) return fail(Errc::cbor_type, "wants a map");
  return checked_count(head->argument, 2);
}

Result<std::size_t> Reader::checked_count(std::uint64_t count, std::size_t least_bytes_each) const {
  if (count > limits_.elements) return fail(Errc::cbor_limit, "too many elements");
  // Nobody reserves for what cannot be there.
  if (count > (bytes_.size() - offset_) / least_bytes_each) return fail(Errc::cbor_truncated);
  return count;
}

Result<void> Reader::skip() { return skip_item(0); }

Result<ByteView> Reader::read_raw() {
  const std::size_t begin = offset_;
  if (auto skipped = skip(); !skipped) return std::unexpected(skipped.error());
  return bytes_.subspan(begin, offset_ - begin);
}

bool Reader::skip_if(ByteView encoded) {
  if (!as_text(bytes_.subspan(offset_)).starts_with(as_text(encoded))) return false;
  offset_ += encoded.size();
  return true;
}

Result<void> Reader::skip_item(std::size_t depth) {
  auto kind = peek();
  if (!kind) return std::unexpected(kind.error());
  const auto drop = [](const auto& result) -> Result<void> {
    if (!result) return std::unexpected(result.error());
    return {};
  };
  switch (*kind) {
    case Kind::unsigned_int:
    case Kind::negative_int:
      return drop(read_int());
    case Kind::bytes:
      return drop(read_bytes());
    case Kind::text:
      return drop(read_text());
    case Kind::link:
      return drop(read_link_bytes());
    case Kind::boolean:
      return drop(read_bool());
    case Kind::null:
      return read_null();
    case Kind::array:
    case Kind::map:
      break;
  }
  if (depth >= limits_.depth) return fail(Errc::cbor_limit, "nested too deeply");
  return *kind == Kind::array ? skip_array(depth) : skip_map(depth);
}

Result<void> Reader::skip_array(std::size_t depth) {
  auto count = read_array();
  if (!count) return std::unexpected(count.error());
  for (std::size_t i = 0; i < *count; ++i) {
    if (auto skipped = skip_item(depth + 1); !skipped) return skipped;
  }
  return {};
}

Result<void> Reader::skip_map(std::size_t depth) {
  auto map = MapReader::open(*this);
  if (!map) return std::unexpected(map.error());
  while (map->more()) {
    if (auto key = map->next(); !key) return std::unexpected(key.error());
    if (auto skipped = skip_item(depth + 1); !skipped) return skipped;
  }
  return {};
}

Result<void> Reader::expect_end() const {
  if (!at_end()) return fail(Errc::cbor_trailing);
  return {};
}

Result<MapReader> MapReader::open(Reader& reader) {
  auto pairs = reader.read_map();
  if (!pairs) return std::unexpected(pairs.error());
  return MapReader(reader, *pairs);
}

Result<std::string_view> MapReader::next() {
  auto key = reader_->read_text();
  if (!key) return key;
  if (key->size() > reader_->limits().key_bytes) return fail(Errc::cbor_limit, "map key too long");
  if (last_ && !key_less(*last_, *key)) return fail(Errc::cbor_not_canonical, "map keys unsorted or repeated");
  last_ = *key;
  --left_;
  return key;
}

bool key_less(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

Result<void> validate(ByteView bytes, Limits limits) {
  Reader reader(bytes, limits);
  if (auto skipped = reader.skip(); !skipped) return skipped;
  return reader.expect_end();
}

void Writer::head(std::uint8_t major, std::uint64_t argument) {
  const auto initial = [&](std::uint8_t info) { out_.push_back(static_cast<std::uint8_t>((major << 5) | info)); };
  if (argument < 24) return initial(static_cast<std::uint8_t>(argument));
  const int width = argument <= 0xff ? 1 : argument <= 0xffff ? 2 : argument <= 0xffff'ffff ? 4 : 8;
  initial(static_cast<std::uint8_t>(width == 1 ? 24 : width == 2 ? 25 : width == 4 ? 26 : 27));
  for (int i = width - 1; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(argument >> (8 * i)));
}

void Writer::integer(std::int64_t value) {
  if (value >= 0) return head(kUnsigned, static_cast<std::uint64_t>(value));
  head(kNegative, static_cast<std::uint64_t>(-1 - value));
}

void Writer::bytes(ByteView value) {
  head(kBytes, value.size());
  out_.insert(out_.end(), value.begin(), value.end());
}

void Writer::text(std::string_view value) {
  head(kText, value.size());
  out_.insert(out_.end(), value.begin(), value.end());
}

void Writer::array(std::size_t items) { head(kArray, items); }
void Writer::map(std::size_t pairs) { head(kMap, pairs); }

void Writer::link(const Cid& cid) {
  head(kTag, kTagLink);
  head(kBytes, Cid::kBinarySize + 1);
  out_.push_back(0);
  const auto binary = cid.bytes();
  out_.insert(out_.end(), binary.begin(), binary.end());
}

void Writer::boolean(bool value) { head(kSimple, value ? kTrue : kFalse); }
void Writer::null() { head(kSimple, kNull); }

}  // namespace tap::atproto::cbor
