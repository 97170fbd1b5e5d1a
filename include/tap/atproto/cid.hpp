// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace tap::atproto {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of the bytes. Safe from any thread; keeps a context per thread.
[[nodiscard]] Digest sha256(ByteView bytes);

/// A content id of the one form that may stand in structure: version 1, dag-cbor or raw, sha2-256 of 32 bytes (protocol
/// 3).
class Cid {
 public:
  static constexpr std::size_t kBinarySize = 36;
  enum class Codec : std::uint8_t { dag_cbor = 0x71, raw = 0x55 };

  Cid() = default;
  Cid(Codec codec, const Digest& digest) : digest_(digest), codec_(codec) {}
  /// The CID of these bytes.
  [[nodiscard]] static Cid of(Codec codec, ByteView bytes) { return {codec, sha256(bytes)}; }
  /// Exactly 36 bytes, or bad_cid.
  [[nodiscard]] static Result<Cid> from_bytes(ByteView bytes);
  /// 59 characters, 'b' and lower-case base32, or bad_cid.
  [[nodiscard]] static Result<Cid> parse(std::string_view text);

  [[nodiscard]] Codec codec() const { return codec_; }
  [[nodiscard]] const Digest& digest() const { return digest_; }
  [[nodiscard]] std::array<std::uint8_t, kBinarySize> bytes() const;
  [[nodiscard]] std::string str() const;
  /// Appends str() without a temporary.
  void append_to(std::string& out) const;
  auto operator<=>(const Cid&) const = default;

 private:
  Digest digest_{};
  Codec codec_ = Codec::dag_cbor;
};

/// Lower-case base32 without padding or prefix, appended.
void append_base32(std::string& out, ByteView bytes);

}  // namespace tap::atproto

template <>
struct std::hash<tap::atproto::Cid> {
  std::size_t operator()(const tap::atproto::Cid& cid) const noexcept {
    std::size_t value;  // a digest is its own hash; blocks are checked against it before they are stored
    std::memcpy(&value, cid.digest().data(), sizeof value);
    return value;
  }
};
