// SPDX-License-Identifier: MIT
// Keys and signatures: a key that is accepted prints as one that is the same; base58 round-trips; no signature of
// chance verifies.
#include "tap/atproto/keys.hpp"

#include "fuzz/fuzz.hpp"

using namespace tap;
using atproto::PublicKey;

namespace {

void check(const Result<PublicKey>& key, ByteView signature) {
  if (!key) return;
  fuzz::require(PublicKey::parse_multikey(key->multikey()).value() == *key);
  fuzz::require(!key->verify(atproto::sha256(as_bytes("fuzz")), signature));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const std::string_view text = as_text(bytes);
  const ByteView signature = bytes.last(size < 64 ? size : 64);
  check(PublicKey::parse_did_key(text), signature);
  check(PublicKey::parse_multikey(text), signature);
  check(PublicKey::parse_method("EcdsaSecp256k1VerificationKey2019", text), signature);
  check(PublicKey::parse_method("EcdsaSecp256r1VerificationKey2019", text), signature);
  check(PublicKey::from_point(atproto::Curve::k256, bytes), signature);
  check(PublicKey::from_point(atproto::Curve::p256, bytes), signature);
  if (const auto decoded = atproto::decode_base58(text)) fuzz::require(atproto::encode_base58(*decoded) == text);
  const ByteView some = bytes.first(size < 100 ? size : 100);
  fuzz::require(as_text(atproto::decode_base58(atproto::encode_base58(some)).value()) == as_text(some));
  return 0;
}
