// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The firehose's messages as plain structs: a test changes what it wants to lie about, then encodes (protocol 7).
namespace tap::test {

struct Block {
  atproto::Cid cid;
  Bytes bytes;
};
/// Blocks in a CAR with this root, in their order.
[[nodiscard]] Bytes make_car(const atproto::Cid& root, const std::vector<Block>& blocks);

struct CommitMessage {
  struct Op {
    std::string action, path;
    std::optional<atproto::Cid> cid, prev;
  };
  std::int64_t seq = 0;
  std::string repo, rev, time;
  std::optional<std::string> since;
  atproto::Cid commit;  ///< also the root of the CAR
  std::optional<atproto::Cid> prev_data;
  std::vector<Block> blocks;  ///< the commit, the tree's nodes, the records
  std::vector<Op> ops;
  bool rebase = false, too_big = false;
  std::optional<Bytes> car;  ///< when set, in place of `blocks`
  bool null_op = false;      ///< a null behind the ops (8.4 item 3)

  /// Takes this block out of the slice.
  void drop(const atproto::Cid& cid);
  [[nodiscard]] Bytes payload() const;
  [[nodiscard]] Bytes frame() const;
};

struct SyncMessage {
  std::int64_t seq = 0;
  std::string did, rev, time;
  Bytes car;

  [[nodiscard]] Bytes payload() const;
  [[nodiscard]] Bytes frame() const;
};

struct IdentityMessage {
  std::int64_t seq = 0;
  std::string did, time = "2024-01-01T00:00:00Z";
  std::optional<std::string> handle;

  [[nodiscard]] Bytes payload() const;
  [[nodiscard]] Bytes frame() const;
};

struct AccountMessage {
  std::int64_t seq = 0;
  std::string did, time = "2024-01-01T00:00:00Z";
  bool active = true;
  std::optional<std::string> status;

  [[nodiscard]] Bytes payload() const;
  [[nodiscard]] Bytes frame() const;
};

[[nodiscard]] Bytes info_frame(std::string_view name, std::string_view message);
[[nodiscard]] Bytes error_frame(std::string_view error, std::string_view message);
/// A header of this type and op 1, then the payload.
[[nodiscard]] Bytes message_frame(std::string_view type, ByteView payload);

}  // namespace tap::test
