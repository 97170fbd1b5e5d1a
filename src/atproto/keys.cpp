// SPDX-License-Identifier: MIT
#include "tap/atproto/keys.hpp"

#include "tap/atproto/error.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <secp256k1.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ranges>

namespace tap::atproto {
namespace {

constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kMaxBase58 = 512;
constexpr std::size_t kCompressed = 33;
constexpr std::size_t kUncompressed = 65;

constexpr std::array<std::uint8_t, 2> kK256Prefix = {0xe7, 0x01};
constexpr std::array<std::uint8_t, 2> kP256Prefix = {0x80, 0x24};

using Scalar = std::array<std::uint8_t, 32>;

// The order n of each curve's group, and (n-1)/2; big-endian, so that they compare as bytes.
constexpr Scalar kK256Order = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                               0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
constexpr Scalar kP256Order = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                               0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

constexpr Scalar half(const Scalar& value) {
  Scalar out{};
  unsigned carry = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const unsigned current = (carry << 8) | value[i];
    out[i] = static_cast<std::uint8_t>(current >> 1);
    carry = current & 1;
  }
  return out;
}
constexpr Scalar kK256Half = half(kK256Order);
constexpr Scalar kP256Half = half(kP256Order);

/// 1 <= r < n and 1 <= s <= (n-1)/2 (protocol 6.3).
Result<void> check_range(Curve curve, ByteView signature) {
  const Scalar zero{};
  const auto less = [](ByteView a, ByteView b) { return std::memcmp(a.data(), b.data(), sizeof(Scalar)) < 0; };
  const ByteView r = signature.first(32);
  const ByteView s = signature.last(32);
  const bool k256 = curve == Curve::k256;
  if (!less(zero, r) || !less(r, k256 ? kK256Order : kP256Order)) return fail(Errc::signature_high_s, "r out of range");
  if (!less(zero, s)) return fail(Errc::signature_high_s, "s is zero");
  if (less(k256 ? kK256Half : kP256Half, s)) return fail(Errc::signature_high_s);
  return {};
}

struct FreePkey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, FreePkey>;

/// A point that is on the curve, or null.
Pkey load_p256(ByteView point) {
  char group[] = "P-256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(params)) <= 0) {
    return nullptr;
  }
  return Pkey(key);
}

/// r and s as the DER that OpenSSL wants.
Bytes to_der(ByteView signature) {
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> sig(ECDSA_SIG_new(), ECDSA_SIG_free);
  ECDSA_SIG_set0(sig.get(), BN_bin2bn(signature.data(), 32, nullptr), BN_bin2bn(signature.data() + 32, 32, nullptr));
  Bytes der(static_cast<std::size_t>(i2d_ECDSA_SIG(sig.get(), nullptr)));
  std::uint8_t* end = der.data();
  i2d_ECDSA_SIG(sig.get(), &end);
  return der;
}

bool verify_p256(EVP_PKEY* key, const Digest& digest, ByteView signature) {
  const Bytes der = to_der(signature);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr), EVP_PKEY_CTX_free);
  return context && EVP_PKEY_verify_init(context.get()) > 0 &&
         EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
}

bool verify_k256(const secp256k1_pubkey& key, const Digest& digest, ByteView signature) {
  secp256k1_ecdsa_signature parsed;
  return secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &parsed, signature.data()) == 1 &&
         secp256k1_ecdsa_verify(secp256k1_context_static, &parsed, digest.data(), &key) == 1;
}

/// The two sizes with their tags; hybrid points and infinity have others.
bool is_point_shape(ByteView point) {
  if (point.size() == kCompressed) return point[0] == 2 || point[0] == 3;
  return point.size() == kUncompressed && point[0] == 4;
}

std::string multikey_of(Curve curve, ByteView point) {
  Bytes bytes;
  const auto& prefix = curve == Curve::k256 ? kK256Prefix : kP256Prefix;
  bytes.assign(prefix.begin(), prefix.end());
  bytes.push_back(point.size() == kCompressed ? point[0] : static_cast<std::uint8_t>(2 + (point.back() & 1)));
  bytes.insert(bytes.end(), point.begin() + 1, point.begin() + kCompressed);
  return "z" + encode_base58(bytes);
}

Result<Bytes> decode_multibase(std::string_view text) {
  if (!text.starts_with('z')) return fail(Errc::key_malformed, "not base58btc");
  return decode_base58(text.substr(1));
}

}  // namespace

struct PublicKey::Parsed {
  Curve curve;
  std::string multikey;
  secp256k1_pubkey k256{};
  Pkey p256;
};

Result<PublicKey> PublicKey::from_point(Curve curve, ByteView point) {
  if (!is_point_shape(point)) return fail(Errc::key_malformed, "not a point");
  auto parsed = std::make_shared<Parsed>();
  parsed->curve = curve;
  parsed->multikey = multikey_of(curve, point);
  if (curve == Curve::k256) {
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &parsed->k256, point.data(), point.size()) != 1) {
      return fail(Errc::key_malformed, "not on the curve");
    }
  } else {
    parsed->p256 = load_p256(point);
    if (!parsed->p256) return fail(Errc::key_malformed, "not on the curve");
  }
  return PublicKey(std::move(parsed));
}

Result<PublicKey> PublicKey::parse_did_key(std::string_view text) {
  constexpr std::string_view kPrefix = "did:key:";
  if (!text.starts_with(kPrefix)) return fail(Errc::key_malformed, "not a did:key");
  return parse_multikey(text.substr(kPrefix.size()));
}

Result<PublicKey> PublicKey::parse_multikey(std::string_view text) {
  auto bytes = decode_multibase(text);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() < 2) return fail(Errc::key_malformed, "too short");
  const ByteView prefix = ByteView(*bytes).first(2);
  const ByteView point = ByteView(*bytes).subspan(2);
  const bool k256 = std::ranges::equal(prefix, kK256Prefix);
  if (!k256 && !std::ranges::equal(prefix, kP256Prefix)) return fail(Errc::key_unsupported);
  if (point.size() != kCompressed) return fail(Errc::key_malformed, "not a compressed point");
  return from_point(k256 ? Curve::k256 : Curve::p256, point);
}

Result<PublicKey> PublicKey::parse_method(std::string_view type, std::string_view multibase) {
  if (type == "Multikey") return parse_multikey(multibase);
  const bool k256 = type == "EcdsaSecp256k1VerificationKey2019";
  if (!k256 && type != "EcdsaSecp256r1VerificationKey2019") return fail(Errc::key_unsupported, std::string(type));
  auto point = decode_multibase(multibase);
  if (!point) return std::unexpected(point.error());
  return from_point(k256 ? Curve::k256 : Curve::p256, *point);
}

Curve PublicKey::curve() const { return parsed_->curve; }
const std::string& PublicKey::multikey() const { return parsed_->multikey; }

Result<void> PublicKey::verify(const Digest& digest, ByteView signature) const {
  if (signature.size() != 64) return fail(Errc::signature_length);
  if (auto range = check_range(parsed_->curve, signature); !range) return range;
  const bool good = parsed_->curve == Curve::k256 ? verify_k256(parsed_->k256, digest, signature)
                                                  : verify_p256(parsed_->p256.get(), digest, signature);
  if (!good) return fail(Errc::signature_mismatch);
  return {};
}

Result<Bytes> decode_base58(std::string_view text) {
  if (text.size() > kMaxBase58) return fail(Errc::key_malformed, "base58 too long");
  const std::size_t zeros = std::min(text.find_first_not_of('1'), text.size());
  Bytes little;  // the number, least significant byte first
  for (const char c : text.substr(zeros)) {
    const std::size_t digit = kBase58.find(c);
    if (digit == std::string_view::npos) return fail(Errc::key_malformed, "not base58");
    auto carry = static_cast<unsigned>(digit);
    for (std::uint8_t& byte : little) {
      carry += unsigned{byte} * 58;
      byte = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry > 0) little.push_back(static_cast<std::uint8_t>(carry));
  }
  Bytes out(zeros, 0);
  out.insert(out.end(), little.rbegin(), little.rend());
  return out;
}

std::string encode_base58(ByteView bytes) {
  const auto first = std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte != 0; });
  const auto zeros = static_cast<std::size_t>(first - bytes.begin());
  std::vector<unsigned> little;  // digits, least significant first
  for (const std::uint8_t byte : bytes.subspan(zeros)) {
    unsigned carry = byte;
    for (unsigned& digit : little) {
      carry += digit << 8;
      digit = carry % 58;
      carry /= 58;
    }
    for (; carry > 0; carry /= 58) little.push_back(carry % 58);
  }
  std::string out(zeros, '1');
  for (const unsigned digit : std::views::reverse(little)) out += kBase58[digit];
  return out;
}

}  // namespace tap::atproto
