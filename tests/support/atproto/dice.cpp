// SPDX-License-Identifier: MIT
#include "support/atproto/dice.hpp"

#include "tap/atproto/cid.hpp"

#include <array>
#include <stdexcept>

namespace tap::test {
namespace {

std::string random_text(Dice& dice) {
  static const std::array<std::string_view, 12> kPieces = {
      "a", "quote\"", "back\\slash", "<&>", "\n\t\r\b\f", "\x01\x1f\x7f", "\u2028\u2029", "ä", "€", "😀", "$", ""};
  std::string out;
  for (std::size_t i = dice.below(5); i > 0; --i) out += dice.pick(kPieces);
  return out;
}

std::int64_t random_integer(Dice& dice) {
  const auto value = static_cast<std::int64_t>(dice.word());
  return value >> dice.below(64);
}

slow::Value random_link(Dice& dice) {
  const auto codec = dice.chance(50) ? atproto::Cid::Codec::raw : atproto::Cid::Codec::dag_cbor;
  const auto bytes = atproto::Cid::of(codec, dice.bytes(4)).bytes();
  if (dice.chance(10)) return {slow::Link{dice.bytes(1 + dice.below(40))}};
  return {slow::Link{Bytes(bytes.begin(), bytes.end())}};
}

slow::Value random_map(Dice& dice, std::size_t depth) {
  static const std::array<std::string_view, 10> kKeys = {"$type", "$link", "$bytes", "ref", "mimeType",
                                                         "size",  "cid",   "b",      "aa",  ""};
  slow::Map map;
  for (std::size_t i = dice.below(6); i > 0; --i) {
    const std::string key = dice.chance(60) ? std::string(dice.pick(kKeys)) : random_text(dice);
    map.insert_or_assign(key, random_value(dice, depth - 1));
  }
  return {std::move(map)};
}

/// The shapes that the data model knows, mostly well formed.
slow::Value random_model(Dice& dice) {
  const auto cid = atproto::Cid::of(atproto::Cid::Codec::raw, dice.bytes(4)).str();
  switch (dice.below(4)) {
    case 0:
      return {slow::Map{{"$link", {dice.chance(80) ? cid : random_text(dice)}}}};
    case 1:
      return {slow::Map{{"$bytes", {std::string(dice.chance(70) ? "aGk" : "aGk=")}}}};
    case 2:
      return {slow::Map{{"cid", {dice.chance(80) ? cid : random_text(dice)}}, {"mimeType", {std::string("a/b")}}}};
    default: {
      slow::Map blob{{"ref", random_link(dice)}, {"size", {random_integer(dice)}}, {"mimeType", {std::string("a/b")}}};
      blob.insert_or_assign("$type", slow::Value{std::string("blob")});
      if (dice.chance(10)) blob.insert_or_assign("extra", slow::Value{true});
      return {std::move(blob)};
    }
  }
}

}  // namespace

Bytes Dice::bytes(std::size_t size) {
  Bytes out(size);
  for (std::uint8_t& b : out) b = byte();
  return out;
}

slow::Value random_value(Dice& dice, std::size_t depth) {
  switch (dice.below(depth > 0 ? 10 : 6)) {
    case 0:
      return {random_integer(dice)};
    case 1:
      return {dice.bytes(dice.below(40))};
    case 2:
      return {random_text(dice)};
    case 3:
      return random_link(dice);
    case 4:
      return {dice.chance(50)};
    case 5:
      return {slow::Null{}};
    case 6: {
      slow::Array items;
      for (std::size_t i = dice.below(5); i > 0; --i) items.push_back(random_value(dice, depth - 1));
      return {std::move(items)};
    }
    case 7:
      return random_model(dice);
    default:
      return random_map(dice, depth);
  }
}

slow::Value random_record(Dice& dice) { return random_map(dice, 1 + dice.below(5)); }

Bytes mutate(Dice& dice, Bytes bytes) {
  for (std::size_t i = 1 + dice.below(3); i > 0 && !bytes.empty(); --i) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(dice.below(bytes.size()));
    switch (dice.below(5)) {
      case 0:
        *at = dice.byte();
        break;
      case 1:
        *at = static_cast<std::uint8_t>(*at ^ (1U << dice.below(8)));
        break;
      case 2:
        bytes.erase(at);
        break;
      case 3:
        bytes.insert(at, dice.byte());
        break;
      default:
        bytes.erase(at, bytes.end());
    }
  }
  return bytes;
}

std::string random_path(Dice& dice) {
  static const std::array<std::string_view, 4> kCollections = {"app.bsky.feed.post", "app.bsky.feed.like",
                                                               "app.bsky.graph.follow", "com.example.record"};
  static constexpr std::string_view kAlphabet = "abcXYZ019_~.:-";
  std::string path(dice.pick(kCollections));
  path += "/k";
  for (std::size_t i = dice.below(8); i > 0; --i) path += kAlphabet[dice.below(kAlphabet.size())];
  return path;
}

Bytes hex(std::string_view digits) {
  Bytes out;
  bool half = false;
  for (const char c : digits) {
    if (c == ' ') continue;
    const auto value = std::string_view("0123456789abcdef").find(c);
    if (value == std::string_view::npos) throw std::invalid_argument("not hex");
    if (half) {
      out.back() = static_cast<std::uint8_t>(out.back() * 16 + value);
    } else {
      out.push_back(static_cast<std::uint8_t>(value));
    }
    half = !half;
  }
  return out;
}

}  // namespace tap::test
