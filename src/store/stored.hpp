// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/types.hpp"

#include <array>
#include <cstdint>

namespace tap::store {

/// How values stand in columns, the same in every engine.

/// A CID as stored: 32 bytes of digest; another codec than dag-cbor stands before it.
class StoredCid {
 public:
  explicit StoredCid(const atproto::Cid& cid);
  [[nodiscard]] ByteView bytes() const { return {bytes_.data(), size_}; }
  [[nodiscard]] static Result<atproto::Cid> read(ByteView bytes);

 private:
  std::array<std::uint8_t, 33> bytes_{};
  std::size_t size_ = 0;
};

/// Revs in the order of their unsigned value, for comparisons in SQL.
constexpr std::int64_t ordered(atproto::Tid rev) {
  return static_cast<std::int64_t>(rev.value() ^ (std::uint64_t{1} << 63));
}
constexpr atproto::Tid from_ordered(std::int64_t value) {
  return atproto::Tid(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63));
}

/// False when they are none.
[[nodiscard]] bool set_states(RepoRow& repo, std::uint64_t state, std::uint64_t account);

}  // namespace tap::store
