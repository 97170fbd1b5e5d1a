// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/types.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

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

// From a row of either engine's answer.

/// Of the columns id, did, state, account, rev, data, records, handle_due; Errc::corrupt when they are no repo.
template <class Row>
[[nodiscard]] Result<RepoRow> read_repo(const Row& row) {
  auto did = atproto::Did::parse(row.text(1));
  if (!did) return fail(Errc::corrupt, "repo " + std::to_string(row.integer(0)) + ": DID");
  RepoRow out{RepoId{row.number(0)}, *std::move(did), {}};
  if (!set_states(out, row.number(2), row.number(3))) return fail(Errc::corrupt, out.did.str() + ": state");
  out.handle_due = row.number(7) != 0;
  if (row.is_null(4)) return out;
  auto data = StoredCid::read(row.blob(5));
  if (!data) return fail(Errc::corrupt, out.did.str() + ": data");
  out.repo.head = repos::Head{atproto::Tid(row.number(4)), *data, row.number(6)};
  return out;
}

/// Of the columns id, lane, barrier, did, attempts, since, reason, body.
template <class Row>
[[nodiscard]] outbox::DeadLetter read_letter(const Row& row) {
  return {.event = {outbox::EventId{row.number(0)}, outbox::LaneKey{row.number(1)},
                    row.integer(2) != 0 ? outbox::Order::barrier : outbox::Order::historical, std::string(row.text(7))},
          .did = std::string(row.text(3)),
          .attempts = static_cast<std::uint32_t>(row.integer(4)),
          .since = row.integer(5),
          .reason = std::string(row.text(6))};
}

}  // namespace tap::store
