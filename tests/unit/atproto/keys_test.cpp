// SPDX-License-Identifier: MIT
#include "tap/atproto/keys.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/signing_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tap::atproto {
namespace {

using test::Dice;
using test::hex;
using test::SigningKey;
using ::testing::StartsWith;

constexpr std::array kCurves = {Curve::k256, Curve::p256};
const char* legacy_type(Curve curve) {
  return curve == Curve::k256 ? "EcdsaSecp256k1VerificationKey2019" : "EcdsaSecp256r1VerificationKey2019";
}
const Digest kDigest = sha256(as_bytes("message"));

Bytes compressed(const SigningKey& key) {
  const Bytes multi = decode_base58(key.public_key().multikey().substr(1)).value();
  return {multi.begin() + 2, multi.end()};
}
Bytes uncompressed(const SigningKey& key) { return decode_base58(key.legacy_multibase().substr(1)).value(); }

/// Base58 the slow way: long division of the whole number by 58, again and again.
std::string slow_base58(Bytes bytes) {
  std::string out;
  const auto zeros = static_cast<std::size_t>(std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte != 0; }) -
                                              bytes.begin());
  while (std::ranges::any_of(bytes, [](std::uint8_t byte) { return byte != 0; })) {
    unsigned rest = 0;
    for (std::uint8_t& byte : bytes) {
      rest = rest * 256 + byte;
      byte = static_cast<std::uint8_t>(rest / 58);
      rest %= 58;
    }
    out += "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest];
  }
  out += std::string(zeros, '1');
  std::ranges::reverse(out);
  return out;
}

TEST(Base58, EqualsTheSlowWayAndRoundTrips) {
  Dice dice(1);
  for (int i = 0; i < 2'000; ++i) {
    Bytes bytes(dice.below(4), 0);
    const Bytes more = dice.bytes(dice.below(70));
    bytes.insert(bytes.end(), more.begin(), more.end());
    const std::string text = encode_base58(bytes);
    ASSERT_EQ(text, slow_base58(bytes));
    ASSERT_EQ(decode_base58(text).value(), bytes);
  }
}

TEST(Base58, RefusesOtherCharactersAndTooLongText) {
  for (const char c : std::string("0OIl+/ \n\x80")) EXPECT_FALSE(decode_base58(std::string("a") + c)) << c;
  EXPECT_TRUE(decode_base58(std::string(512, 'z')));
  EXPECT_EQ(decode_base58(std::string(513, 'z')).error(), Errc::key_malformed);
  EXPECT_TRUE(decode_base58("")->empty());
}

TEST(PublicKey, EveryFormOfAKeyIsTheSameKey) {
  for (const Curve curve : kCurves) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const SigningKey key(curve, seed);
      const PublicKey& expected = key.public_key();
      EXPECT_EQ(expected.curve(), curve);
      EXPECT_EQ(PublicKey::parse_did_key(key.did_key()).value(), expected);
      EXPECT_EQ(PublicKey::parse_multikey(expected.multikey()).value(), expected);
      EXPECT_EQ(PublicKey::parse_method("Multikey", expected.multikey()).value(), expected);
      EXPECT_EQ(PublicKey::parse_method(legacy_type(curve), key.legacy_multibase()).value(), expected);
      EXPECT_EQ(PublicKey::parse_method(legacy_type(curve), "z" + encode_base58(compressed(key))).value(), expected);
      EXPECT_EQ(PublicKey::from_point(curve, compressed(key)).value(), expected);
      EXPECT_EQ(PublicKey::from_point(curve, uncompressed(key)).value(), expected);
      EXPECT_THAT(expected.multikey(), StartsWith(curve == Curve::k256 ? "zQ3s" : "zDna"));
      EXPECT_NE(SigningKey(curve, seed + 1).public_key(), expected);
    }
  }
}

TEST(PublicKey, TextOfAnotherFormIsRefused) {
  const SigningKey key(Curve::k256, 1);
  const std::string multikey = key.public_key().multikey();
  EXPECT_EQ(PublicKey::parse_did_key(multikey).error(), Errc::key_malformed);
  EXPECT_EQ(PublicKey::parse_did_key("did:key:").error(), Errc::key_malformed);
  EXPECT_EQ(PublicKey::parse_multikey("").error(), Errc::key_malformed);
  EXPECT_EQ(PublicKey::parse_multikey("z").error(), Errc::key_malformed);
  EXPECT_EQ(PublicKey::parse_multikey(multikey.substr(1)).error(), Errc::key_malformed);
  EXPECT_EQ(PublicKey::parse_multikey("u" + multikey.substr(1)).error(), Errc::key_malformed);
  EXPECT_EQ(PublicKey::parse_method("Ed25519VerificationKey2020", multikey).error(), Errc::key_unsupported);
  EXPECT_EQ(PublicKey::parse_method("", multikey).error(), Errc::key_unsupported);
  EXPECT_EQ(PublicKey::parse_method(legacy_type(Curve::k256), "not multibase").error(), Errc::key_malformed);
}

TEST(PublicKey, MultikeyHoldsACompressedPointOfAKnownCurve) {
  const SigningKey key(Curve::k256, 1);
  const auto parse = [](Bytes prefix, const Bytes& point) {
    prefix.insert(prefix.end(), point.begin(), point.end());
    const auto parsed = PublicKey::parse_multikey("z" + encode_base58(prefix));
    return parsed ? Errc{} : static_cast<Errc>(parsed.error().code().value());
  };
  EXPECT_EQ(parse(hex("e701"), compressed(key)), Errc{});
  EXPECT_EQ(parse(hex("e701"), uncompressed(key)), Errc::key_malformed);
  EXPECT_EQ(parse(hex("ed01"), compressed(key)), Errc::key_unsupported);  // Ed25519
  EXPECT_EQ(parse(hex("e701"), {}), Errc::key_malformed);
  EXPECT_EQ(parse(hex("e7"), {}), Errc::key_malformed);
  EXPECT_EQ(parse(hex("8626"), compressed(key)), Errc::key_unsupported);  // a private key
}

TEST(PublicKey, PointsAreOnTheCurveAndNotAtInfinity) {
  for (const Curve curve : kCurves) {
    const SigningKey key(curve, 3);
    const auto bad = [&](const Bytes& point) {
      const auto parsed = PublicKey::from_point(curve, point);
      return !parsed && parsed.error() == Errc::key_malformed;
    };
    Bytes off = uncompressed(key);
    off.back() ^= 1;
    EXPECT_TRUE(bad(off));
    EXPECT_TRUE(bad(hex("00")));
    EXPECT_TRUE(bad({}));
    EXPECT_TRUE(bad(Bytes(33, 0)));
    EXPECT_TRUE(bad(Bytes(65, 0)));
    Bytes infinity(65, 0);
    infinity[0] = 4;
    EXPECT_TRUE(bad(infinity));
    Bytes beyond(33, 0xff);  // x above the field's prime
    beyond[0] = 2;
    EXPECT_TRUE(bad(beyond));
    Bytes hybrid = uncompressed(key);
    hybrid[0] = static_cast<std::uint8_t>(6 + (hybrid.back() & 1));
    EXPECT_TRUE(bad(hybrid));
    Bytes longer = compressed(key);
    longer.push_back(0);
    EXPECT_TRUE(bad(longer));
    // About half of all x have no point.
    int without = 0;
    for (std::uint8_t x = 1; x <= 50; ++x) {
      Bytes point(33, 0);
      point[0] = 2;
      point[32] = x;
      without += bad(point) ? 1 : 0;
    }
    EXPECT_GT(without, 10);
    EXPECT_LT(without, 40);
  }
}

TEST(PublicKey, VerifiesOnlyItsOwnSignatures) {
  for (const Curve curve : kCurves) {
    const SigningKey key(curve, 4);
    const auto signature = key.sign(kDigest);
    EXPECT_TRUE(key.public_key().verify(kDigest, signature));
    EXPECT_EQ(key.public_key().verify(sha256({}), signature).error(), Errc::signature_mismatch);
    EXPECT_EQ(SigningKey(curve, 5).public_key().verify(kDigest, signature).error(), Errc::signature_mismatch);
    Dice dice(1);
    for (int i = 0; i < 50; ++i) {
      auto changed = signature;
      changed[dice.below(64)] ^= static_cast<std::uint8_t>(1U << dice.below(8));
      EXPECT_FALSE(key.public_key().verify(kDigest, changed));
    }
  }
}

TEST(PublicKey, RefusesHighSAndOtherLengths) {
  for (const Curve curve : kCurves) {
    const SigningKey key(curve, 6);
    EXPECT_EQ(key.public_key().verify(kDigest, key.sign_high_s(kDigest)).error(), Errc::signature_high_s);
    const auto signature = key.sign(kDigest);
    for (const std::size_t size : {0U, 1U, 63U, 65U, 70U, 71U, 72U}) {
      Bytes other(signature.begin(), signature.end());
      other.resize(size);
      EXPECT_EQ(key.public_key().verify(kDigest, other).error(), Errc::signature_length);
    }
  }
}

TEST(PublicKey, SignatureNumbersLieInTheirRanges) {
  struct Case {
    Curve curve;
    const char* order;
    const char* half;
    const char* above_half;
  };
  const Case cases[] = {{Curve::k256, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
                         "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0",
                         "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1"},
                        {Curve::p256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
                         "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
                         "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9"}};
  for (const Case& c : cases) {
    const auto key = SigningKey(c.curve, 7).public_key();
    const auto verdict = [&](Bytes r, const Bytes& s) {
      r.insert(r.end(), s.begin(), s.end());
      return static_cast<Errc>(key.verify(kDigest, r).error().code().value());
    };
    const Bytes zero(32, 0);
    Bytes one(32, 0);
    one.back() = 1;
    EXPECT_EQ(verdict(zero, one), Errc::signature_high_s);
    EXPECT_EQ(verdict(one, zero), Errc::signature_high_s);
    EXPECT_EQ(verdict(hex(c.order), one), Errc::signature_high_s);
    EXPECT_EQ(verdict(Bytes(32, 0xff), one), Errc::signature_high_s);
    EXPECT_EQ(verdict(one, hex(c.above_half)), Errc::signature_high_s);
    EXPECT_EQ(verdict(one, hex(c.half)), Errc::signature_mismatch);  // in range, and only wrong
  }
}

}  // namespace
}  // namespace tap::atproto
