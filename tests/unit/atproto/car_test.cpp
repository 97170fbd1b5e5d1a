// SPDX-License-Identifier: MIT
#include "tap/atproto/car.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"
#include "support/atproto/slow_cbor.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>

namespace tap::atproto::car {
namespace {

using test::Block;
using test::Dice;
using test::hex;

/// What a reader makes of a CAR: its root and blocks, or why it refused it.
struct Outcome {
  std::optional<Errc> error;
  std::optional<Cid> root;
  std::map<Cid, Bytes> blocks;
  bool operator==(const Outcome&) const = default;
};

Errc code(const Error& error) { return static_cast<Errc>(error.code().value()); }

Outcome parse_whole(ByteView car, Limits limits = {}) {
  const auto view = parse(car, limits);
  if (!view) return {code(view.error()), {}, {}};
  Outcome out{{}, view->root, {}};
  for (const auto& [cid, data] : view->blocks) out.blocks.emplace(cid, Bytes(data.begin(), data.end()));
  return out;
}

/// Through the push parser, in chunks of these sizes.
template <class Size>
Outcome parse_pushed(ByteView car, Size size, Limits limits = {}) {
  Outcome out;
  Parser parser(limits, [&](const Cid& cid, ByteView data) -> Result<void> {
    out.blocks.emplace(cid, Bytes(data.begin(), data.end()));
    return {};
  });
  while (!car.empty()) {
    const auto chunk = car.first(std::min<std::size_t>(car.size(), size()));
    if (auto fed = parser.feed(chunk); !fed) {
      EXPECT_EQ(parser.feed({}).error().code(), fed.error().code());  // for good
      EXPECT_EQ(parser.finish().error().code(), fed.error().code());
      return {code(fed.error()), {}, {}};
    }
    car = car.subspan(chunk.size());
  }
  if (auto finished = parser.finish(); !finished) return {code(finished.error()), {}, {}};
  out.root = parser.root();
  return out;
}

Block block(std::string_view text, Cid::Codec codec = Cid::Codec::dag_cbor) {
  const ByteView bytes = as_bytes(text);
  return {Cid::of(codec, bytes), Bytes(bytes.begin(), bytes.end())};
}

/// A section by hand: what stands in it need not be true.
Bytes section(ByteView content) {
  Bytes out;
  if (content.size() >= 0x80) out.push_back(static_cast<std::uint8_t>(content.size() | 0x80));
  out.push_back(static_cast<std::uint8_t>(content.size() < 0x80 ? content.size() : content.size() >> 7));
  out.insert(out.end(), content.begin(), content.end());
  return out;
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Block kCommit = block("commit");
Bytes header() { return test::make_car(kCommit.cid, {}); }

/// 36 bytes: version 1, dag-cbor or raw, SHA-256.
bool is_cid(ByteView bytes) {
  return bytes.size() == 36 && bytes[0] == 1 && (bytes[1] == 0x71 || bytes[1] == 0x55) && bytes[2] == 0x12 &&
         bytes[3] == 0x20;
}

/// A third reader, which shares nothing with the two: the whole CAR in memory, the header as a tree. Empty when there
/// is anything wrong with it.
std::optional<Outcome> parse_slowly(ByteView car) {
  std::vector<ByteView> pieces;
  while (!car.empty()) {
    std::uint64_t length = 0;
    std::size_t width = 0;
    do {
      if (width == car.size() || width == 5) return std::nullopt;
      length |= std::uint64_t{car[width] & 0x7fU} << (7 * width);
    } while (car[width++] >= 0x80);
    const bool shortest = width == 1 || car[width - 1] != 0;
    if (!shortest || length == 0 || length > car.size() - width) return std::nullopt;
    pieces.push_back(car.subspan(width, length));
    car = car.subspan(width + length);
  }
  if (pieces.empty() || !test::slow::is_canonical(pieces.front())) return std::nullopt;
  const auto header = test::slow::decode(pieces.front());
  const auto* fields = header ? std::get_if<test::slow::Map>(&header->data) : nullptr;
  if (fields == nullptr || !fields->contains("roots") || !fields->contains("version")) return std::nullopt;
  const auto* version = std::get_if<std::int64_t>(&fields->at("version").data);
  const auto* roots = std::get_if<test::slow::Array>(&fields->at("roots").data);
  if (version == nullptr || *version != 1 || roots == nullptr || roots->empty()) return std::nullopt;
  const auto* root = std::get_if<test::slow::Link>(&roots->front().data);
  if (root == nullptr || !is_cid(root->bytes)) return std::nullopt;

  Outcome out{{}, Cid::from_bytes(root->bytes).value(), {}};
  for (const ByteView piece : std::span(pieces).subspan(1)) {
    if (piece.size() < 36 || !is_cid(piece.first(36))) return std::nullopt;
    const ByteView data = piece.subspan(36);
    std::array<std::uint8_t, 32> digest{};
    EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    if (!std::ranges::equal(digest, piece.subspan(4, 32))) return std::nullopt;
    out.blocks.emplace(Cid::from_bytes(piece.first(36)).value(), Bytes(data.begin(), data.end()));
  }
  return out;
}

TEST(Car, HeaderHasItsKnownForm) {
  const Bytes bytes = header();
  EXPECT_EQ(bytes.size(), 59U);
  EXPECT_TRUE(std::ranges::equal(ByteView(bytes).first(18), hex("3aa265726f6f747381d82a58250001711220")));
  EXPECT_TRUE(std::ranges::equal(ByteView(bytes).last(9), hex("6776657273696f6e01")));
}

TEST(Car, BothReadersAgreeOnEveryInputInAnyChunks) {
  Dice dice(1);
  int good = 0;
  for (int i = 0; i < 4'000; ++i) {
    std::vector<Block> blocks{kCommit};
    for (std::size_t n = dice.below(6); n > 0; --n) {
      const Bytes data = dice.bytes(dice.below(300));
      blocks.push_back({Cid::of(Cid::Codec::raw, data), data});
    }
    Bytes car = test::make_car(kCommit.cid, blocks);
    if (dice.chance(60)) car = test::mutate(dice, std::move(car));
    const Outcome whole = parse_whole(car);
    good += whole.error ? 0 : 1;
    ASSERT_EQ(whole.error ? std::nullopt : std::optional(whole), parse_slowly(car)) << i;
    ASSERT_EQ(parse_pushed(car, [] { return 1; }), whole);
    ASSERT_EQ(parse_pushed(car, [] { return 1 << 20; }), whole);
    ASSERT_EQ(parse_pushed(car, [&] { return 1 + dice.below(100); }), whole);
  }
  EXPECT_GT(good, 1'000);
}

TEST(Car, GivesBlocksInTheirOrder) {
  const std::vector<Block> blocks{block("c"), kCommit, block("a"), block("b")};
  std::vector<Cid> seen;
  Parser parser({}, [&](const Cid& cid, ByteView) -> Result<void> {
    seen.push_back(cid);
    return {};
  });
  ASSERT_TRUE(parser.feed(test::make_car(kCommit.cid, blocks)));
  ASSERT_TRUE(parser.finish());
  ASSERT_EQ(seen.size(), blocks.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], blocks[i].cid);
}

TEST(Car, TheSinkCanStopIt) {
  int calls = 0;
  Parser parser({}, [&](const Cid&, ByteView) -> Result<void> {
    ++calls;
    return fail(Errc::data_model, "enough");
  });
  EXPECT_EQ(parser.feed(test::make_car(kCommit.cid, {kCommit, block("x")})).error(), Errc::data_model);
  EXPECT_EQ(parser.feed({}).error(), Errc::data_model);
  EXPECT_EQ(calls, 1);
}

TEST(Car, ToleratesDuplicatesExtrasAndSeveralRoots) {
  const Bytes twice = test::make_car(kCommit.cid, {kCommit, block("x"), kCommit, block("unrelated", Cid::Codec::raw)});
  EXPECT_EQ(parse_whole(twice).blocks.size(), 3U);
  // {"roots": [commit, another], "version": 1}
  const Bytes one = header();
  Bytes content = hex("a265726f6f747382");
  content.insert(content.end(), one.begin() + 9, one.begin() + 50);
  content = content + hex("d82a4700 01551202 aabb") + hex("6776657273696f6e01");
  const Outcome outcome = parse_whole(section(content));
  EXPECT_EQ(outcome.error, std::nullopt);
  EXPECT_EQ(outcome.root, kCommit.cid);
}

/// Every defect of protocol 4.3, and what both readers say to it.
TEST(Car, RefusesEachDefect) {
  const auto refused = [](const Bytes& car, Limits limits = {}) {
    const Outcome whole = parse_whole(car, limits);
    EXPECT_EQ(parse_pushed(car, [] { return 7; }, limits), whole);
    return whole.error;
  };
  const Bytes good = test::make_car(kCommit.cid, {kCommit, block("x")});
  EXPECT_EQ(refused(good), std::nullopt);

  EXPECT_EQ(refused({}), Errc::car_bad_header);
  EXPECT_EQ(refused(hex("00")), Errc::car_bad_header);
  EXPECT_EQ(refused(section(hex("ff"))), Errc::car_bad_header);
  EXPECT_EQ(refused(section(hex("a0"))), Errc::car_bad_header);
  EXPECT_EQ(refused(section(hex("a265726f6f7473806776657273696f6e01"))), Errc::car_bad_header);  // no roots
  Bytes version = good;
  version[58] = 2;
  EXPECT_EQ(refused(version), Errc::car_bad_header);
  Bytes hash = good;
  hash.back() ^= 1;
  EXPECT_EQ(refused(hash), Errc::car_hash_mismatch);
  // A CID whose digest has no length fits every block (8.4 item 1).
  EXPECT_EQ(refused(header() + section(hex("01711200 a0"))), Errc::car_bad_section);
  EXPECT_EQ(refused(header() + section(hex("0171"))), Errc::car_bad_section);
  EXPECT_EQ(refused(good + hex("00")), Errc::car_bad_section);  // a section of no length (8.4 item 5)
  EXPECT_EQ(refused(good + hex("25")), Errc::car_truncated);    // the input ends behind a length
  EXPECT_EQ(refused(good + hex("8001")), Errc::car_truncated);
  EXPECT_EQ(refused(good + hex("80")), Errc::car_truncated);      // the input ends inside a length
  EXPECT_EQ(refused(good + hex("a500")), Errc::car_bad_section);  // a length not in its shortest form
  EXPECT_EQ(refused(good + hex("ffffffffffffffffff01")), Errc::car_bad_section);
  EXPECT_EQ(refused(good + hex("ffffffffffffffff7f")), Errc::car_bad_section);
  EXPECT_EQ(refused(Bytes(good.begin(), good.end() - 1)), Errc::car_truncated);
  EXPECT_EQ(refused(Bytes(good.begin(), good.begin() + 30)), Errc::car_truncated);
}

TEST(Car, EveryTruncationButAtASectionIsNoticed) {
  const Bytes good = test::make_car(kCommit.cid, {kCommit, block("x")});
  const std::size_t first = header().size();
  const std::size_t second = test::make_car(kCommit.cid, {kCommit}).size();
  for (std::size_t size = 0; size < good.size(); ++size) {
    const bool boundary = size == first || size == second;
    EXPECT_EQ(parse(ByteView(good).first(size)).has_value(), boundary) << size;
  }
}

TEST(Car, LimitsHoldToTheByte) {
  const Bytes car = test::make_car(kCommit.cid, {kCommit});
  const std::size_t section_size = Cid::kBinarySize + kCommit.bytes.size();
  const auto whole = [&](Limits limits) { return parse_whole(car, limits).error; };
  EXPECT_EQ(whole({.header = 58, .section = section_size, .total = car.size()}), std::nullopt);
  EXPECT_EQ(whole({.header = 57}), Errc::car_bad_header);
  EXPECT_EQ(whole({.section = section_size - 1}), Errc::car_bad_section);
  EXPECT_EQ(whole({.total = car.size() - 1}), Errc::car_too_large);
  EXPECT_EQ(parse_pushed(car, [] { return 1; }, {.total = car.size()}).error, std::nullopt);
  EXPECT_EQ(parse_pushed(car, [] { return 1; }, {.total = car.size() - 1}).error, Errc::car_too_large);
  EXPECT_EQ(parse_pushed(car, [] { return 1; }, {.section = section_size - 1}).error, Errc::car_bad_section);
}

TEST(Car, WholeReposReadAlikeInEveryOrder) {
  test::Account account(1);
  account.fill(300);
  std::map<Cid, Bytes> blocks;
  for (const auto order : {test::Order::streaming, test::Order::nodes_first, test::Order::records_first}) {
    const Outcome outcome = parse_pushed(account.full_car(order), [] { return 1000; });
    EXPECT_EQ(outcome.root, account.head()->commit);
    if (!blocks.empty()) {
      EXPECT_EQ(outcome.blocks, blocks);
    }
    blocks = outcome.blocks;
  }
}

}  // namespace
}  // namespace tap::atproto::car
