// SPDX-License-Identifier: MIT
#include "support/atproto/signing_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <secp256k1.h>

#include <stdexcept>

namespace tap::test {
namespace {

using atproto::Curve;
using Point = std::array<std::uint8_t, 65>;

constexpr const char* kK256Order = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141";
constexpr const char* kP256Order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* value) const {
    Free(value);
  }
};
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

void require(bool good) {
  if (!good) throw std::runtime_error("crypto library refused a test key");
}

Number number(ByteView bytes) { return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)); }

Number order_of(Curve curve) {
  BIGNUM* order = nullptr;
  require(BN_hex2bn(&order, curve == Curve::k256 ? kK256Order : kP256Order) > 0);
  return Number(order);
}

/// n - s in place of s.
void negate(Curve curve, Signature& signature) {
  const Number order = order_of(curve);
  const Number s = number(ByteView(signature).last(32));
  require(BN_sub(s.get(), order.get(), s.get()) == 1 && BN_bn2binpad(s.get(), signature.data() + 32, 32) == 32);
}

bool is_high(Curve curve, const Signature& signature) {
  const Number half = order_of(curve);
  require(BN_rshift1(half.get(), half.get()) == 1);
  return BN_cmp(number(ByteView(signature).last(32)).get(), half.get()) > 0;
}

const secp256k1_context* signing_context() {
  static const secp256k1_context* const context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
  return context;
}

Point k256_point(const atproto::Digest& secret) {
  secp256k1_pubkey key;
  require(secp256k1_ec_pubkey_create(signing_context(), &key, secret.data()) == 1);
  Point point;
  std::size_t size = point.size();
  secp256k1_ec_pubkey_serialize(signing_context(), point.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
  return point;
}

Point p256_point(const atproto::Digest& secret) {
  const std::unique_ptr<EC_GROUP, Freer<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const std::unique_ptr<EC_POINT, Freer<EC_POINT_free>> result(EC_POINT_new(group.get()));
  const Number scalar = number(secret);
  require(EC_POINT_mul(group.get(), result.get(), scalar.get(), nullptr, nullptr, nullptr) == 1);
  Point point;
  require(EC_POINT_point2oct(group.get(), result.get(), POINT_CONVERSION_UNCOMPRESSED, point.data(), point.size(),
                             nullptr) == point.size());
  return point;
}

Pkey p256_private(const atproto::Digest& secret, const Point& point) {
  const Number scalar = number(secret);
  const std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  require(OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
          OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1 &&
          OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1);
  const std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(build.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  require(EVP_PKEY_fromdata_init(context.get()) > 0 &&
          EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) > 0);
  return Pkey(key);
}

Signature sign_k256(const atproto::Digest& secret, const atproto::Digest& digest) {
  secp256k1_ecdsa_signature parsed;
  require(secp256k1_ecdsa_sign(signing_context(), &parsed, digest.data(), secret.data(), nullptr, nullptr) == 1);
  Signature signature;
  secp256k1_ecdsa_signature_serialize_compact(signing_context(), signature.data(), &parsed);
  return signature;
}

Signature sign_p256(EVP_PKEY* key, const atproto::Digest& digest) {
  const std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  std::array<std::uint8_t, 80> der;
  std::size_t size = der.size();
  require(EVP_PKEY_sign_init(context.get()) > 0 &&
          EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()) > 0);
  const std::uint8_t* begin = der.data();
  const std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>> parsed(
      d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(size)));
  Signature signature;
  require(BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), signature.data(), 32) == 32 &&
          BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), signature.data() + 32, 32) == 32);
  return signature;
}

atproto::Digest secret_of(std::uint64_t seed) {
  return atproto::sha256(as_bytes("signing key " + std::to_string(seed)));
}

}  // namespace

struct SigningKey::Parsed {
  Curve curve;
  atproto::Digest secret;
  Point point;
  atproto::PublicKey public_key;
  Pkey p256;
};

SigningKey::SigningKey(Curve curve, std::uint64_t seed) : SigningKey(curve, secret_of(seed)) {}

SigningKey::SigningKey(Curve curve, const atproto::Digest& secret) {
  const bool k256 = curve == Curve::k256;
  const Point point = k256 ? k256_point(secret) : p256_point(secret);
  parsed_ = std::make_shared<const Parsed>(curve, secret, point, atproto::PublicKey::from_point(curve, point).value(),
                                           k256 ? nullptr : p256_private(secret, point));
}

const atproto::PublicKey& SigningKey::public_key() const { return parsed_->public_key; }
std::string SigningKey::did_key() const { return "did:key:" + public_key().multikey(); }
std::string SigningKey::legacy_multibase() const { return "z" + atproto::encode_base58(parsed_->point); }

Signature SigningKey::sign(const atproto::Digest& digest) const {
  if (parsed_->curve == Curve::k256) return sign_k256(parsed_->secret, digest);
  Signature signature = sign_p256(parsed_->p256.get(), digest);
  if (is_high(Curve::p256, signature)) negate(Curve::p256, signature);
  return signature;
}

Signature SigningKey::sign_high_s(const atproto::Digest& digest) const {
  Signature signature = sign(digest);
  negate(parsed_->curve, signature);
  return signature;
}

}  // namespace tap::test
