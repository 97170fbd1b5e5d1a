// SPDX-License-Identifier: MIT
#include "tap/atproto/event.hpp"

#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"

#include <initializer_list>
#include <string>

namespace tap::atproto {
namespace {

constexpr std::int64_t kMaxSeq = (std::int64_t{1} << 53) - 1;

EventKind kind_of(std::string_view type) {
  if (type == "#commit") return EventKind::commit;
  if (type == "#sync") return EventKind::sync;
  if (type == "#identity") return EventKind::identity;
  if (type == "#account") return EventKind::account;
  if (type == "#info") return EventKind::info;
  return EventKind::unknown;
}

/// Reads a value into `target` and says whether that worked.
template <class T>
Result<void> store(Result<T> read, T& target) {
  if (!read) return std::unexpected(read.error());
  target = std::move(*read);
  return {};
}
Result<void> store(Result<std::string_view> read, std::optional<std::string_view>& target) {
  if (!read) return std::unexpected(read.error());
  target = *read;
  return {};
}
Result<void> read_text_or_null(cbor::Reader& reader, std::optional<std::string_view>& target) {
  auto kind = reader.peek();
  if (!kind) return std::unexpected(kind.error());
  return *kind == cbor::Kind::null ? reader.read_null() : store(reader.read_text(), target);
}

/// Reads one map: `field(key, reader)` reads the value of a key that it knows and gives true, or gives false. The keys
/// in `required` must be there.
template <class F>
Result<void> read_fields(cbor::Reader& reader, std::initializer_list<std::string_view> required, F&& field) {
  auto map = cbor::MapReader::open(reader);
  if (!map) return std::unexpected(map.error());
  std::size_t found = 0;
  while (map->more()) {
    auto key = map->next();
    if (!key) return std::unexpected(key.error());
    for (const auto name : required) found += name == *key ? 1 : 0;
    Result<void> read;
    if (!field(*key, read)) read = reader.skip();
    if (!read) return fail(read.error().code(), std::string(*key) + ": " + read.error().message());
  }
  if (found != required.size()) return fail(Errc::event_malformed, "a required field is missing");
  return {};
}

/// A whole payload: one map and nothing behind it. Whatever is wrong with it is event_malformed.
template <class F>
Result<void> read_payload(ByteView body, std::initializer_list<std::string_view> required, F&& field) {
  cbor::Reader reader(body);
  auto read = read_fields(reader, required,
                          [&](std::string_view key, Result<void>& result) { return field(key, reader, result); });
  if (read) read = reader.expect_end();
  if (read || read.error() == Errc::event_malformed) return read;
  return fail(Errc::event_malformed, read.error().message());
}

Result<Action> action_of(Result<std::string_view> text) {
  if (!text) return std::unexpected(text.error());
  if (*text == "create") return Action::create;
  if (*text == "update") return Action::update;
  if (*text == "delete") return Action::remove;
  return fail(Errc::event_malformed, "unknown action");
}

Result<Op> read_op(cbor::Reader& reader) {
  Op op;
  auto read = read_fields(reader, {"action", "path"}, [&](std::string_view key, Result<void>& result) {
    if (key == "action") {
      result = store(action_of(reader.read_text()), op.action);
    } else if (key == "path") {
      result = store(reader.read_text(), op.path);
    } else if (key == "cid") {
      result = store(reader.read_cid_or_null(), op.cid);
    } else if (key == "prev") {
      result = store(reader.read_cid_or_null(), op.prev);
    } else {
      return false;
    }
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return op;
}

Result<void> read_ops(cbor::Reader& reader, std::vector<Op>& ops) {
  auto count = reader.read_array();
  if (!count) return std::unexpected(count.error());
  for (std::size_t i = 0; i < *count; ++i) {
    auto op = read_op(reader);
    if (!op) return std::unexpected(op.error());
    ops.push_back(*op);
  }
  return {};
}

/// Fields that all events share.
template <class E>
bool read_common(E& event, std::string_view& did, std::string_view did_key, std::string_view key, cbor::Reader& reader,
                 Result<void>& result) {
  if (key == "seq") {
    result = store(reader.read_int(), event.seq);
  } else if (key == "time") {
    result = store(reader.read_text(), event.time);
  } else if (key == did_key) {
    result = store(reader.read_text(), did);
  } else {
    return false;
  }
  return true;
}

/// seq and DID of a payload, as far as it takes to find both.
Result<void> skim(FrameHead& head) {
  cbor::Reader reader(head.body);
  auto map = cbor::MapReader::open(reader);
  if (!map) return std::unexpected(map.error());
  while (map->more() && (head.seq == 0 || head.did.empty())) {
    auto key = map->next();
    if (!key) return std::unexpected(key.error());
    auto kind = reader.peek();
    if (!kind) return std::unexpected(kind.error());
    if (*key == "seq" && *kind == cbor::Kind::unsigned_int) {
      auto seq = reader.read_int();
      if (!seq) return std::unexpected(seq.error());
      head.seq = *seq <= kMaxSeq ? *seq : 0;
    } else if ((*key == "did" || *key == "repo") && *kind == cbor::Kind::text) {
      if (auto read = store(reader.read_text(), head.did); !read) return read;
    } else if (auto skipped = reader.skip(); !skipped) {
      return skipped;
    }
  }
  return {};
}

Result<FrameHead> read_head(ByteView frame) {
  cbor::Reader reader(frame);
  std::string_view type;
  std::int64_t op = 0;
  auto read = read_fields(reader, {"op"}, [&](std::string_view key, Result<void>& result) {
    if (key == "op") {
      result = store(reader.read_int(), op);
    } else if (key == "t") {
      result = store(reader.read_text(), type);
    } else {
      return false;
    }
    return true;
  });
  if (!read) return std::unexpected(read.error());
  FrameHead head;
  head.kind = op == 1 ? kind_of(type) : op == -1 ? EventKind::error : EventKind::unknown;
  head.body = frame.subspan(reader.offset());
  if (auto skimmed = skim(head); !skimmed) return std::unexpected(skimmed.error());
  return head;
}

}  // namespace

Result<FrameHead> read_frame_head(ByteView frame) {
  auto head = read_head(frame);
  if (!head) return fail(Errc::frame_malformed, head.error().message());
  return head;
}

std::string_view read_event_time(ByteView body) {
  cbor::Reader reader(body);
  auto map = cbor::MapReader::open(reader);
  if (!map) return {};
  while (map->more()) {
    auto key = map->next();
    if (!key) return {};
    if (*key == "time") return reader.read_text().value_or(std::string_view());
    if (auto skipped = reader.skip(); !skipped) return {};
  }
  return {};
}

Result<CommitEvent> decode_commit(ByteView body) {
  CommitEvent event;
  auto read = read_payload(body, {"seq", "repo", "commit", "rev", "since", "blocks", "ops", "time"},
                           [&](std::string_view key, cbor::Reader& reader, Result<void>& result) {
                             if (read_common(event, event.repo, "repo", key, reader, result)) return true;
                             if (key == "rev") {
                               result = store(reader.read_text(), event.rev);
                             } else if (key == "since") {
                               result = read_text_or_null(reader, event.since);
                             } else if (key == "commit") {
                               result = store(reader.read_cid(), event.commit);
                             } else if (key == "prevData") {
                               result = store(reader.read_cid_or_null(), event.prev_data);
                             } else if (key == "blocks") {
                               result = store(reader.read_bytes(), event.blocks);
                             } else if (key == "ops") {
                               result = read_ops(reader, event.ops);
                             } else if (key == "rebase") {
                               result = store(reader.read_bool(), event.rebase);
                             } else if (key == "tooBig") {
                               result = store(reader.read_bool(), event.too_big);
                             } else {
                               return false;
                             }
                             return true;
                           });
  if (!read) return std::unexpected(read.error());
  return event;
}

Result<SyncEvent> decode_sync(ByteView body) {
  SyncEvent event;
  auto read = read_payload(body, {"seq", "did", "rev", "blocks", "time"},
                           [&](std::string_view key, cbor::Reader& reader, Result<void>& result) {
                             if (read_common(event, event.did, "did", key, reader, result)) return true;
                             if (key == "rev") {
                               result = store(reader.read_text(), event.rev);
                             } else if (key == "blocks") {
                               result = store(reader.read_bytes(), event.blocks);
                             } else {
                               return false;
                             }
                             return true;
                           });
  if (!read) return std::unexpected(read.error());
  return event;
}

Result<IdentityEvent> decode_identity(ByteView body) {
  IdentityEvent event;
  auto read =
      read_payload(body, {"seq", "did", "time"}, [&](std::string_view key, cbor::Reader& reader, Result<void>& result) {
        if (read_common(event, event.did, "did", key, reader, result)) return true;
        if (key != "handle") return false;
        result = read_text_or_null(reader, event.handle);
        return true;
      });
  if (!read) return std::unexpected(read.error());
  return event;
}

Result<AccountEvent> decode_account(ByteView body) {
  AccountEvent event;
  auto read = read_payload(body, {"seq", "did", "time", "active"},
                           [&](std::string_view key, cbor::Reader& reader, Result<void>& result) {
                             if (read_common(event, event.did, "did", key, reader, result)) return true;
                             if (key == "active") {
                               result = store(reader.read_bool(), event.active);
                             } else if (key == "status") {
                               result = read_text_or_null(reader, event.status);
                             } else {
                               return false;
                             }
                             return true;
                           });
  if (!read) return std::unexpected(read.error());
  return event;
}

namespace {

/// #info and error frames: a name, and perhaps a message.
Result<void> read_notice(ByteView body, std::string_view name_key, std::string_view& name, std::string_view& message) {
  std::optional<std::string_view> text;
  auto read = read_payload(body, {name_key}, [&](std::string_view key, cbor::Reader& reader, Result<void>& result) {
    if (key == name_key) {
      result = store(reader.read_text(), name);
    } else if (key == "message") {
      result = read_text_or_null(reader, text);
    } else {
      return false;
    }
    return true;
  });
  message = text.value_or("");
  return read;
}

}  // namespace

Result<InfoEvent> decode_info(ByteView body) {
  InfoEvent event;
  if (auto read = read_notice(body, "name", event.name, event.message); !read) return std::unexpected(read.error());
  return event;
}

Result<ErrorEvent> decode_error(ByteView body) {
  ErrorEvent event;
  if (auto read = read_notice(body, "error", event.error, event.message); !read) return std::unexpected(read.error());
  return event;
}

}  // namespace tap::atproto
