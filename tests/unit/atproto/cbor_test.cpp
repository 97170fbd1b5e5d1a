// SPDX-License-Identifier: MIT
#include "tap/atproto/cbor.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/slow_cbor.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tap::atproto::cbor {
namespace {

using test::Dice;
using test::hex;
namespace slow = test::slow;

Errc code(std::string_view digits, Limits limits = {}) {
  const auto result = validate(hex(digits), limits);
  return result ? Errc{} : static_cast<Errc>(result.error().code().value());
}

TEST(Cbor, AcceptsExactlyTheCanonicalEncodings) {
  Dice dice(1);
  int canonical = 0;
  for (int i = 0; i < 30'000; ++i) {
    Bytes bytes = slow::encode(test::random_value(dice, 4));
    if (dice.chance(70)) bytes = test::mutate(dice, std::move(bytes));
    const bool expected = slow::is_canonical(bytes);
    ASSERT_EQ(validate(bytes).has_value(), expected);
    canonical += expected ? 1 : 0;
  }
  EXPECT_GT(canonical, 5'000);
}

TEST(Cbor, AgreesWithTheSlowDecoderOnEveryShortInput) {
  Bytes bytes;
  for (unsigned value = 0; value < (1U << 16); ++value) {
    bytes = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    ASSERT_EQ(validate(bytes).has_value(), slow::is_canonical(bytes)) << value;
    ASSERT_EQ(validate(ByteView(bytes).first(1)).has_value(), slow::is_canonical(ByteView(bytes).first(1)));
  }
}

TEST(Cbor, RefusesWhatIsNotCanonical) {
  EXPECT_EQ(code("1817"), Errc::cbor_not_canonical);                // 23 in two bytes
  EXPECT_EQ(code("1900ff"), Errc::cbor_not_canonical);              // 255 in three
  EXPECT_EQ(code("1a0000ffff"), Errc::cbor_not_canonical);          // 65535 in five
  EXPECT_EQ(code("1b00000000ffffffff"), Errc::cbor_not_canonical);  // 2^32-1 in nine
  EXPECT_EQ(code("5800"), Errc::cbor_not_canonical);                // a length not in its shortest form
  EXPECT_EQ(code("9fff"), Errc::cbor_not_canonical);                // indefinite array
  EXPECT_EQ(code("bfff"), Errc::cbor_not_canonical);                // indefinite map
  EXPECT_EQ(code("5fff"), Errc::cbor_not_canonical);                // indefinite bytes
  EXPECT_EQ(code("1c"), Errc::cbor_not_canonical);                  // reserved
  EXPECT_EQ(code("f7"), Errc::cbor_not_canonical);                  // undefined
  EXPECT_EQ(code("f93c00"), Errc::cbor_not_canonical);              // a float
  EXPECT_EQ(code("fb3ff0000000000000"), Errc::cbor_not_canonical);  // a double
  EXPECT_EQ(code("f820"), Errc::cbor_not_canonical);                // a simple value
  EXPECT_EQ(code("e0"), Errc::cbor_not_canonical);                  // another one
  EXPECT_EQ(code("c100"), Errc::cbor_not_canonical);                // another tag
  EXPECT_EQ(code("d82b4100"), Errc::cbor_not_canonical);            // tag 43
  EXPECT_EQ(code("61ff"), Errc::cbor_not_canonical);                // not UTF-8
  EXPECT_EQ(code("a2616201616101"), Errc::cbor_not_canonical);      // unsorted keys
  EXPECT_EQ(code("a262616101616201"), Errc::cbor_not_canonical);    // the longer key first
  EXPECT_EQ(code("a2616101616102"), Errc::cbor_not_canonical);      // a key twice
  EXPECT_EQ(code("d82a4100"), Errc::cbor_not_canonical);            // a link of no bytes
  EXPECT_EQ(code("d82a420171"), Errc::cbor_not_canonical);          // a link without its 00
  EXPECT_EQ(code("d82ad82a420071"), Errc::cbor_type);               // a tag in a tag
  EXPECT_EQ(code("d82a6100"), Errc::cbor_type);                     // a link of text
  EXPECT_EQ(code("a10101"), Errc::cbor_type);                       // a key that is no text
  EXPECT_EQ(code("1b8000000000000000"), Errc::cbor_limit);          // 2^63
  EXPECT_EQ(code("3b8000000000000000"), Errc::cbor_limit);          // -2^63-1
  EXPECT_EQ(code("0000"), Errc::cbor_trailing);
  EXPECT_EQ(code(""), Errc::cbor_truncated);
  EXPECT_EQ(code("19ff"), Errc::cbor_truncated);
  EXPECT_EQ(code("4200"), Errc::cbor_truncated);
  EXPECT_EQ(code("5bffffffffffffffff00"), Errc::cbor_truncated);  // a length that wraps round
  EXPECT_EQ(code("8100"), Errc{});
  EXPECT_EQ(code("81"), Errc::cbor_truncated);
  EXPECT_EQ(code("9bffffffffffffffff"), Errc::cbor_limit);
  EXPECT_EQ(code("9a0001ffff"), Errc::cbor_truncated);  // never more room than there are bytes
}

TEST(Cbor, EdgesOfTheIntegersAreExact) {
  const auto value = [](std::string_view digits) {
    const Bytes bytes = hex(digits);
    return Reader(bytes).read_int().value();
  };
  EXPECT_EQ(value("1b7fffffffffffffff"), INT64_MAX);
  EXPECT_EQ(value("3b7fffffffffffffff"), INT64_MIN);
  EXPECT_EQ(value("20"), -1);
  EXPECT_EQ(value("1818"), 24);
}

TEST(Cbor, NestingEndsAtTheLimit) {
  const auto nested = [](std::size_t depth, std::string_view open) {
    std::string digits;
    for (std::size_t i = 0; i < depth; ++i) digits += open;
    return digits + "f6";
  };
  for (const char* open : {"81", "a16161"}) {
    EXPECT_EQ(code(nested(32, open)), Errc{});
    EXPECT_EQ(code(nested(33, open)), Errc::cbor_limit);
    EXPECT_EQ(code(nested(500'000, open)), Errc::cbor_limit);  // and the stack stays whole
    EXPECT_EQ(code(nested(3, open), {.depth = 2}), Errc::cbor_limit);
  }
}

TEST(Cbor, CountsEndAtTheLimit) {
  EXPECT_EQ(code("83010203", {.elements = 3}), Errc{});
  EXPECT_EQ(code("83010203", {.elements = 2}), Errc::cbor_limit);
  EXPECT_EQ(code("a163616161f6", {.key_bytes = 3}), Errc{});
  EXPECT_EQ(code("a163616161f6", {.key_bytes = 2}), Errc::cbor_limit);
}

TEST(Cbor, LinksHaveAtMostAHundredBytes) {
  const auto link = [](std::size_t bytes) { return slow::encode({slow::Link{Bytes(bytes, 1)}}); };
  EXPECT_TRUE(validate(link(100)));
  EXPECT_FALSE(validate(link(101)));
  const Bytes odd = link(5);
  EXPECT_EQ(Reader(odd).read_link_bytes().value().size(), 5U);
  EXPECT_EQ(Reader(odd).read_cid().error(), Errc::bad_cid);
}

TEST(Cbor, EachReadRefusesEveryOtherKind) {
  const std::vector<Bytes> items = {
      hex("01"), hex("20"), hex("4101"), hex("6161"), hex("80"), hex("a0"), slow::encode({slow::Link{Bytes(36, 1)}}),
      hex("f5"), hex("f6")};
  const std::vector<Kind> kinds = {Kind::unsigned_int, Kind::negative_int, Kind::bytes,   Kind::text, Kind::array,
                                   Kind::map,          Kind::link,         Kind::boolean, Kind::null};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto reads = [&](auto read) { return read(Reader(items[i])); };
    const Kind kind = Reader(items[i]).peek().value();
    EXPECT_EQ(kind, kinds[i]);
    const auto ok = [](const auto& result) { return result.has_value(); };
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_int()); }),
              kind == Kind::unsigned_int || kind == Kind::negative_int);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_bytes()); }), kind == Kind::bytes);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_text()); }), kind == Kind::text);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_array()); }), kind == Kind::array);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_map()); }), kind == Kind::map);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_link_bytes()); }), kind == Kind::link);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_bool()); }), kind == Kind::boolean);
    EXPECT_EQ(reads([&](Reader r) { return ok(r.read_null()); }), kind == Kind::null);
  }
}

TEST(Cbor, ReadRawGivesTheItemAndMovesBehindIt) {
  const Bytes bytes = hex("a1616182f5f6 03");
  Reader reader(bytes);
  EXPECT_EQ(reader.read_raw().value().size(), 6U);
  EXPECT_EQ(reader.offset(), 6U);
  EXPECT_EQ(reader.expect_end().error(), Errc::cbor_trailing);
  EXPECT_EQ(reader.read_int().value(), 3);
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.read_raw());
}

TEST(Cbor, NullOrCidTellsBothApart) {
  const Cid cid = Cid::of(Cid::Codec::raw, {});
  Bytes bytes;
  Writer writer(bytes);
  writer.null();
  writer.link(cid);
  writer.integer(1);
  Reader reader(bytes);
  EXPECT_EQ(reader.read_cid_or_null().value(), std::nullopt);
  EXPECT_EQ(reader.read_cid_or_null().value(), cid);
  EXPECT_EQ(reader.read_cid_or_null().error(), Errc::cbor_type);
}

/// Writes with the streaming writer what the slow encoder makes of a tree.
void write(Writer& writer, const slow::Value& value) {
  if (std::holds_alternative<slow::Null>(value.data)) return writer.null();
  if (const auto* flag = std::get_if<bool>(&value.data)) return writer.boolean(*flag);
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return writer.integer(*number);
  if (const auto* bytes = std::get_if<Bytes>(&value.data)) return writer.bytes(*bytes);
  if (const auto* text = std::get_if<std::string>(&value.data)) return writer.text(*text);
  if (const auto* link = std::get_if<slow::Link>(&value.data)) return writer.link(Cid::from_bytes(link->bytes).value());
  if (const auto* items = std::get_if<slow::Array>(&value.data)) {
    writer.array(items->size());
    for (const auto& item : *items) write(writer, item);
    return;
  }
  const auto& map = std::get<slow::Map>(value.data);
  writer.map(map.size());
  for (const auto& [key, content] : map) {
    writer.text(key);
    write(writer, content);
  }
}

bool has_odd_link(const slow::Value& value) {
  if (const auto* link = std::get_if<slow::Link>(&value.data)) return !Cid::from_bytes(link->bytes);
  if (const auto* items = std::get_if<slow::Array>(&value.data)) return std::ranges::any_of(*items, has_odd_link);
  if (const auto* map = std::get_if<slow::Map>(&value.data)) {
    return std::ranges::any_of(*map, [](const auto& field) { return has_odd_link(field.second); });
  }
  return false;
}

TEST(Cbor, WriterGivesTheCanonicalEncoding) {
  Dice dice(2);
  for (int i = 0; i < 5'000; ++i) {
    const auto value = test::random_value(dice, 4);
    if (has_odd_link(value)) continue;
    Bytes bytes;
    Writer writer(bytes);
    write(writer, value);
    ASSERT_EQ(bytes, slow::encode(value));
  }
}

TEST(Cbor, WriterHasEveryWidthOfLength) {
  for (const std::size_t size : {0UL, 23UL, 24UL, 255UL, 256UL, 65'535UL, 65'536UL}) {
    Bytes bytes;
    Writer(bytes).bytes(Bytes(size, 7));
    EXPECT_TRUE(validate(bytes)) << size;
    EXPECT_EQ(Reader(bytes).read_bytes().value().size(), size);
  }
}

}  // namespace
}  // namespace tap::atproto::cbor
