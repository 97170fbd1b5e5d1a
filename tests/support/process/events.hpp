// SPDX-License-Identifier: MIT
#pragma once

#include "support/patience.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tap::test {

/// An event as a consumer gets it (protocol 11.2).
struct Event {
  std::uint64_t id = 0;
  std::string text;
  nlohmann::json body;  ///< the object below "record" or "identity"
  bool is_record = false;

  /// Throws for what is no event.
  [[nodiscard]] static Event parse(std::string text);
  [[nodiscard]] std::string did() const { return body.at("did"); }
  [[nodiscard]] bool is_live() const { return is_record && body.at("live").get<bool>(); }
  /// "collection/rkey" of a record event.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string action() const { return body.at("action"); }
};
using Events = std::vector<Event>;

/// Whom a consumer tells what it gets, from its thread.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void add(Event event) = 0;
  /// The ack of this event goes out now.
  virtual void acking(std::uint64_t /*id*/) {}
};

/// All that consumers have got, in the order in which it came. Safe to call from any thread.
class EventLog final : public EventSink {
 public:
  using Condition = std::function<bool(const Events&)>;

  void add(Event event) override;
  [[nodiscard]] Events all() const;
  /// Throws with the last events when the condition does not come to hold in time.
  void wait_until(std::string_view what, const Condition& condition, std::chrono::seconds limit = kPatience);
  void wait_for_count(std::size_t count);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Events events_;
};

/// Each event once, where it came first. Throws when an id stands for two events, or when the ids of a DID do not grow.
[[nodiscard]] Events first_arrivals(const Events& events);
[[nodiscard]] Events of_did(const Events& events, std::string_view did);

/// Path to CID: what a consumer that applies the events of a DID in order has in the end.
using RecordCids = std::map<std::string, std::string>;
[[nodiscard]] RecordCids records_of(const Events& events, std::string_view did);
[[nodiscard]] std::size_t times_received(const Events& events, std::uint64_t id);
[[nodiscard]] std::set<std::uint64_t> ids_of(const Events& events);

}  // namespace tap::test
