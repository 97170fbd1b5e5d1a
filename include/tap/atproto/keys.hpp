// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tap::atproto {

enum class Curve : std::uint8_t { k256, p256 };

/// A parsed public key (protocol 6.2), ready to verify. Immutable, cheap to copy, safe from any thread: the parsed form
/// is shared.
class PublicKey {
 public:
  /// "did:key:z..."
  [[nodiscard]] static Result<PublicKey> parse_did_key(std::string_view text);
  /// "z..." with multicodec prefix: the value of a Multikey.
  [[nodiscard]] static Result<PublicKey> parse_multikey(std::string_view text);
  /// `type` and `publicKeyMultibase` of a verification method: Multikey and both legacy types.
  [[nodiscard]] static Result<PublicKey> parse_method(std::string_view type, std::string_view multibase);
  /// A compressed (33) or uncompressed (65) point.
  [[nodiscard]] static Result<PublicKey> from_point(Curve curve, ByteView point);

  [[nodiscard]] Curve curve() const;
  /// "z...", as in a Multikey.
  [[nodiscard]] const std::string& multikey() const;
  /// ECDSA over a SHA-256 digest; 64 bytes r||s, low-S (6.3). The three signature errors are kept apart.
  [[nodiscard]] Result<void> verify(const Digest& digest, ByteView signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.multikey() == b.multikey(); }

 private:
  struct Parsed;
  explicit PublicKey(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;  // shared: immutable, and copied into every verification job
};

/// base58btc without prefix; input of at most 512 characters, because decoding is quadratic.
[[nodiscard]] Result<Bytes> decode_base58(std::string_view text);
[[nodiscard]] std::string encode_base58(ByteView bytes);

}  // namespace tap::atproto
