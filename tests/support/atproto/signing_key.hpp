// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/keys.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace tap::test {

using Signature = std::array<std::uint8_t, 64>;

/// A private key made from a seed: the same seed gives the same key. Immutable, cheap to copy, safe from any thread.
/// Signatures with K-256 are deterministic, those with P-256 are not.
class SigningKey {
 public:
  SigningKey(atproto::Curve curve, std::uint64_t seed);
  SigningKey(atproto::Curve curve, const atproto::Digest& secret);

  [[nodiscard]] const atproto::PublicKey& public_key() const;
  /// "did:key:z..."
  [[nodiscard]] std::string did_key() const;
  /// The uncompressed point in base58btc without multicodec: publicKeyMultibase of the legacy types.
  [[nodiscard]] std::string legacy_multibase() const;
  /// r||s in low-S form.
  [[nodiscard]] Signature sign(const atproto::Digest& digest) const;
  /// The same signature with n-s: mathematically good, forbidden all the same.
  [[nodiscard]] Signature sign_high_s(const atproto::Digest& digest) const;

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace tap::test
