// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

/// The firehose's wire format (protocol 7.2, 7.5). Pure; all views point into the frame.
namespace tap::atproto {

enum class EventKind : std::uint8_t { commit, sync, identity, account, info, error, unknown };

/// As much of a frame as routing needs: kind, seq and DID. About a microsecond; the body is skimmed, not checked.
struct FrameHead {
  EventKind kind = EventKind::unknown;
  std::int64_t seq = 0;  ///< 0 when the payload has none or it is not a positive integer below 2^53
  std::string_view did;  ///< `repo` or `did`; empty when the payload has none
  ByteView body;         ///< the payload
};
/// frame_malformed when it is no header and a map; an unknown op or t is `unknown`, not an error.
[[nodiscard]] Result<FrameHead> read_frame_head(ByteView frame);

/// The `time` of a payload, which is not checked for the rest; empty when it has none.
[[nodiscard]] std::string_view read_event_time(ByteView body);

enum class Action : std::uint8_t { create, update, remove };

struct Op {
  Action action = Action::create;
  std::string_view path;
  std::optional<Cid> cid;
  std::optional<Cid> prev;
};

struct CommitEvent {
  std::int64_t seq = 0;
  std::string_view repo, rev, time;
  std::optional<std::string_view> since;
  Cid commit;
  std::optional<Cid> prev_data;
  ByteView blocks;
  std::vector<Op> ops;
  bool rebase = false, too_big = false;
};
struct SyncEvent {
  std::int64_t seq = 0;
  std::string_view did, rev, time;
  ByteView blocks;
};
struct IdentityEvent {
  std::int64_t seq = 0;
  std::string_view did, time;
  std::optional<std::string_view> handle;
};
struct AccountEvent {
  std::int64_t seq = 0;
  std::string_view did, time;
  bool active = false;
  std::optional<std::string_view> status;
};
struct InfoEvent {
  std::string_view name, message;
};
struct ErrorEvent {
  std::string_view error, message;
};

/// The whole payload. event_malformed when a required field is missing or of another type, when an op is null or its
/// action unknown (8.4 items 3, 22). Unknown fields are skipped. No protocol limit on sizes here: verify:: judges those
/// per event.
[[nodiscard]] Result<CommitEvent> decode_commit(ByteView body);
[[nodiscard]] Result<SyncEvent> decode_sync(ByteView body);
[[nodiscard]] Result<IdentityEvent> decode_identity(ByteView body);
[[nodiscard]] Result<AccountEvent> decode_account(ByteView body);
[[nodiscard]] Result<InfoEvent> decode_info(ByteView body);
[[nodiscard]] Result<ErrorEvent> decode_error(ByteView body);

}  // namespace tap::atproto
