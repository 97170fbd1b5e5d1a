// SPDX-License-Identifier: MIT
#include "tap/atproto/cid.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/dice.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tap::atproto {
namespace {

using test::Dice;
using test::hex;

/// Base32 the slow way: all bits in a row, five at a time.
std::string slow_base32(ByteView bytes) {
  std::string bits;
  for (const std::uint8_t byte : bytes) {
    for (int i = 7; i >= 0; --i) bits += ((byte >> i) & 1) != 0 ? '1' : '0';
  }
  while (bits.size() % 5 != 0) bits += '0';
  std::string out;
  for (std::size_t i = 0; i < bits.size(); i += 5) {
    out += "abcdefghijklmnopqrstuvwxyz234567"[std::stoul(bits.substr(i, 5), nullptr, 2)];
  }
  return out;
}

TEST(Sha256, GivesTheKnownDigests) {
  const auto digest = [](std::string_view text) {
    const Digest value = sha256(as_bytes(text));
    return Bytes(value.begin(), value.end());
  };
  EXPECT_EQ(digest(""), hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  EXPECT_EQ(digest("abc"), hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

TEST(Sha256, IsTheSameOnEveryThread) {
  const Digest expected = sha256(as_bytes("x"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) ASSERT_EQ(sha256(as_bytes("x")), expected);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Base32, EqualsTheSlowWay) {
  Dice dice(1);
  for (std::size_t size = 0; size < 200; ++size) {
    const Bytes bytes = dice.bytes(size);
    std::string out = "kept ";
    append_base32(out, bytes);
    EXPECT_EQ(out, "kept " + slow_base32(bytes));
  }
}

TEST(Cid, RoundTripsAsBytesAndText) {
  Dice dice(2);
  for (const auto codec : {Cid::Codec::dag_cbor, Cid::Codec::raw}) {
    for (int i = 0; i < 500; ++i) {
      const Cid cid = Cid::of(codec, dice.bytes(8));
      EXPECT_EQ(Cid::from_bytes(cid.bytes()).value(), cid);
      EXPECT_EQ(cid.str().size(), 59U);
      EXPECT_EQ(cid.str(), "b" + slow_base32(cid.bytes()));
      EXPECT_EQ(Cid::parse(cid.str()).value(), cid);
    }
  }
}

TEST(Cid, OnlyTheBlessedFormIsOne) {
  const auto bytes = Cid::of(Cid::Codec::raw, {}).bytes();
  const Bytes good(bytes.begin(), bytes.end());
  EXPECT_TRUE(Cid::from_bytes(good));
  for (std::size_t at = 0; at < 4; ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = good;
      changed[at] = static_cast<std::uint8_t>(value);
      const bool blessed = changed == good || (at == 1 && value == 0x71);
      EXPECT_EQ(Cid::from_bytes(changed).has_value(), blessed) << at << " " << value;
    }
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(Cid::from_bytes(longer).error(), Errc::bad_cid);
  EXPECT_FALSE(Cid::from_bytes(ByteView(good).first(35)));
  EXPECT_FALSE(Cid::from_bytes({}));
  // A digest of length zero fits every block (8.4 item 1).
  EXPECT_FALSE(Cid::from_bytes(hex("01711200")));
}

TEST(Cid, TextOfAnotherFormIsRefused) {
  const std::string good = Cid::of(Cid::Codec::dag_cbor, {}).str();
  EXPECT_FALSE(Cid::parse(""));
  EXPECT_FALSE(Cid::parse(good.substr(1)));
  EXPECT_FALSE(Cid::parse(good + "a"));
  EXPECT_FALSE(Cid::parse("z" + good.substr(1)));
  EXPECT_FALSE(Cid::parse("B" + good.substr(1)));
  EXPECT_FALSE(Cid::parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"));
  std::string stray = good;  // 58 characters are 290 bits, two more than the bytes need
  stray.back() = stray.back() == 'b' ? 'c' : 'b';
  EXPECT_FALSE(Cid::parse(stray));
  std::string upper = good;
  upper[10] = 'A';
  EXPECT_FALSE(Cid::parse(upper));
}

}  // namespace
}  // namespace tap::atproto
