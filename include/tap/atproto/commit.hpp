// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/atproto/keys.hpp"
#include "tap/base/result.hpp"

#include <array>
#include <optional>

namespace tap::atproto {

/// A commit of version 3 (protocol 6.1).
struct Commit {
  Did did;
  Tid rev;
  Cid data;                 ///< root of the tree
  std::optional<Cid> prev;  ///< practically always absent
  std::array<std::uint8_t, 64> sig{};

  /// Strict: exactly the six fields, canonical, nothing behind them.
  /// commit_malformed, or signature_length when only `sig` is of another size.
  [[nodiscard]] static Result<Commit> decode(ByteView block);
  /// The canonical encoding without and with `sig`.
  [[nodiscard]] Bytes unsigned_bytes() const;
  [[nodiscard]] Bytes encode() const;
  /// The signature over unsigned_bytes().
  [[nodiscard]] Result<void> verify(const PublicKey& key) const;
};

}  // namespace tap::atproto
