// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tap::outbox {

/// Ids of delivered events: they grow for ever, across restarts, and are never used twice. 0 is no event.
enum class EventId : std::uint64_t {};

/// Events of one DID share a lane and keep their order in it. The lane is a hash of the DID: it survives remove and
/// re-add, and two DIDs that collide merely wait for each other.
enum class LaneKey : std::uint64_t {};
[[nodiscard]] LaneKey lane_of(std::string_view did);

enum class Order : std::uint8_t {
  historical,  ///< may be in flight together with others of its kind
  barrier,     ///< a live record or an identity event: alone in its lane (protocol 11.5)
};

/// An event before it has an id.
struct Draft {
  LaneKey lane{};
  Order order = Order::historical;
  std::string body;  ///< the JSON behind `{"id":N`: begins with a comma, ends with the brace
};

/// An event that is durable.
struct Event {
  EventId id{};
  LaneKey lane{};
  Order order = Order::historical;
  std::string body;
};

/// Some events of one lane, in id order.
struct LanePage {
  std::vector<Event> events;
  EventId next{};  ///< everything before this one was looked at
};

/// An event that was given up: sent as often as allowed, and never taken.
struct DeadLetter {
  Event event;
  std::string did;
  std::uint32_t attempts = 0;
  std::int64_t since = 0;  ///< Unix seconds
  std::string reason;      ///< of the last attempt
};

/// Whom and what an event is about; empty where its kind has no such thing.
struct Subject {
  std::string did, rev, collection, rkey;
};
[[nodiscard]] Subject subject_of(std::string_view body);

struct RecordEvent {
  bool live = false;
  std::string_view did, rev, collection, rkey, action;  ///< action: create, update, delete
  std::string_view record_json = {};                    ///< omitted when empty or "{}"
  const atproto::Cid* cid = nullptr;                    ///< omitted when null
};
struct IdentityEvent {
  std::string_view did, handle, status;  ///< an empty handle is sent as handle.invalid (8.4 item 52)
  bool is_active = true;
};
/// Bodies in the key order of protocol 11.2.
[[nodiscard]] Draft render(const RecordEvent& event);
[[nodiscard]] Draft render(const IdentityEvent& event);

}  // namespace tap::outbox
