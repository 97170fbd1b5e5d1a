// SPDX-License-Identifier: MIT
#include "tap/atproto/car.hpp"

#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"

#include <utility>

namespace tap::atproto::car {
namespace {

constexpr std::size_t kMaxVarint = 9;

struct Varint {
  std::uint64_t value;
  std::size_t size;
};

/// A minimal unsigned LEB128 below 2^63 at the front; empty when the input ends inside it.
Result<std::optional<Varint>> read_varint(ByteView input) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < input.size() && i < kMaxVarint; ++i) {
    const std::uint8_t byte = input[i];
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && i > 0) return fail(Errc::car_bad_section, "length not in its shortest form");
    return Varint{value, i + 1};
  }
  if (input.size() >= kMaxVarint) return fail(Errc::car_bad_section, "length too large");
  return std::nullopt;
}

/// A length-prefixed piece at the front; empty when the input ends inside it.
struct Piece {
  ByteView content;
  std::size_t size;  // with its length
};
Result<std::optional<Piece>> read_piece(ByteView input, std::size_t limit, Errc bad) {
  auto length = read_varint(input);
  if (!length) return std::unexpected(length.error());
  if (!*length) return std::nullopt;
  const auto [value, width] = **length;
  if (value == 0) return fail(bad, "empty");
  if (value > limit) return fail(bad, "above the limit");
  if (value > input.size() - width) return std::nullopt;
  return Piece{input.subspan(width, value), width + value};
}

/// The first root; further ones are tolerated (protocol 4.2).
Result<Cid> read_roots(cbor::Reader& reader) {
  auto count = reader.read_array();
  if (!count) return std::unexpected(count.error());
  if (*count == 0) return fail(Errc::car_bad_header, "no root");
  auto root = reader.read_cid();
  for (std::size_t i = 1; root && i < *count; ++i) {
    if (auto other = reader.read_link_bytes(); !other) return std::unexpected(other.error());
  }
  return root;
}

Result<Cid> read_header_map(ByteView bytes) {
  cbor::Reader reader(bytes);
  auto map = cbor::MapReader::open(reader);
  if (!map) return std::unexpected(map.error());
  std::optional<Cid> root;
  std::int64_t version = 0;
  while (map->more()) {
    auto key = map->next();
    if (!key) return std::unexpected(key.error());
    if (*key == "roots") {
      auto read = read_roots(reader);
      if (!read) return read;
      root = *read;
    } else if (*key == "version") {
      auto read = reader.read_int();
      if (!read) return std::unexpected(read.error());
      version = *read;
    } else if (auto skipped = reader.skip(); !skipped) {
      return std::unexpected(skipped.error());
    }
  }
  if (auto ended = reader.expect_end(); !ended) return std::unexpected(ended.error());
  if (!root) return fail(Errc::car_bad_header, "no roots");
  if (version != 1) return fail(Errc::car_bad_header, "not version 1");
  return *root;
}

Result<Cid> read_header(ByteView bytes) {
  auto root = read_header_map(bytes);
  if (!root && root.error() != Errc::car_bad_header) return fail(Errc::car_bad_header, root.error().message());
  return root;
}

struct Section {
  Cid cid;
  ByteView data;
};
/// Splits a section and checks the block against its digest.
Result<Section> read_section(ByteView content) {
  if (content.size() < Cid::kBinarySize) return fail(Errc::car_bad_section, "too short for a CID");
  auto cid = Cid::from_bytes(content.first(Cid::kBinarySize));
  if (!cid) return fail(Errc::car_bad_section, cid.error().message());
  const ByteView data = content.subspan(Cid::kBinarySize);
  if (sha256(data) != cid->digest()) return fail(Errc::car_hash_mismatch, cid->str());
  return Section{*cid, data};
}

void append_varint(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

Parser::Parser(Limits limits, Sink sink) : limits_(limits), sink_(std::move(sink)) {}

Result<void> Parser::feed(ByteView chunk) {
  if (failed_) return std::unexpected(*failed_);
  seen_ += chunk.size();
  if (seen_ > limits_.total) {
    failed_ = Error(Errc::car_too_large);
    return std::unexpected(*failed_);
  }
  // What stands alone in the chunk is parsed in place; only a piece that crosses chunks is gathered.
  const bool gathered = !pending_.empty();
  if (gathered) pending_.insert(pending_.end(), chunk.begin(), chunk.end());
  const ByteView input = gathered ? ByteView(pending_) : chunk;
  auto used = consume(input);
  if (!used) {
    failed_ = used.error();
    return std::unexpected(*failed_);
  }
  const ByteView rest = input.subspan(*used);
  if (gathered) {
    pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  } else {
    pending_.assign(rest.begin(), rest.end());
  }
  return {};
}

Result<std::size_t> Parser::consume(ByteView input) {
  std::size_t used = 0;
  while (used < input.size()) {
    const auto limit = header_done_ ? limits_.section : limits_.header;
    auto piece = read_piece(input.subspan(used), limit, header_done_ ? Errc::car_bad_section : Errc::car_bad_header);
    if (!piece) return std::unexpected(piece.error());
    if (!*piece) break;
    auto taken = header_done_ ? on_section((*piece)->content) : on_header((*piece)->content);
    if (!taken) return std::unexpected(taken.error());
    used += (*piece)->size;
  }
  return used;
}

Result<void> Parser::on_header(ByteView bytes) {
  auto root = read_header(bytes);
  if (!root) return std::unexpected(root.error());
  root_ = *root;
  header_done_ = true;
  return {};
}

Result<void> Parser::on_section(ByteView bytes) {
  auto section = read_section(bytes);
  if (!section) return std::unexpected(section.error());
  return sink_(section->cid, section->data);
}

Result<void> Parser::finish() {
  if (failed_) return std::unexpected(*failed_);
  if (!pending_.empty()) return fail(Errc::car_truncated);
  if (!header_done_) return fail(Errc::car_bad_header, "empty input");
  return {};
}

Result<View> parse(ByteView car, Limits limits) {
  if (car.size() > limits.total) return fail(Errc::car_too_large);
  auto header = read_piece(car, limits.header, Errc::car_bad_header);
  if (!header) return std::unexpected(header.error());
  if (!*header) return fail(car.empty() ? Errc::car_bad_header : Errc::car_truncated);
  auto root = read_header((*header)->content);
  if (!root) return std::unexpected(root.error());
  View view{*root, {}};
  for (ByteView rest = car.subspan((*header)->size); !rest.empty();) {
    auto piece = read_piece(rest, limits.section, Errc::car_bad_section);
    if (!piece) return std::unexpected(piece.error());
    if (!*piece) return fail(Errc::car_truncated);
    auto section = read_section((*piece)->content);
    if (!section) return std::unexpected(section.error());
    view.blocks.emplace(section->cid, section->data);
    rest = rest.subspan((*piece)->size);
  }
  return view;
}

Writer::Writer(Bytes& out, const Cid& root) : out_(out) {
  Bytes header;
  cbor::Writer writer(header);
  writer.map(2);
  writer.text("roots");
  writer.array(1);
  writer.link(root);
  writer.text("version");
  writer.integer(1);
  append_varint(out_, header.size());
  out_.insert(out_.end(), header.begin(), header.end());
}

void Writer::block(const Cid& cid, ByteView data) {
  append_varint(out_, Cid::kBinarySize + data.size());
  const auto binary = cid.bytes();
  out_.insert(out_.end(), binary.begin(), binary.end());
  out_.insert(out_.end(), data.begin(), data.end());
}

}  // namespace tap::atproto::car
