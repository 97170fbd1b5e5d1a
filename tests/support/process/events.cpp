// SPDX-License-Identifier: MIT
#include "support/process/events.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace tap::test {

Event Event::parse(std::string text) {
  const auto json = nlohmann::json::parse(text);
  Event event;
  event.id = json.at("id");
  const std::string type = json.at("type");
  event.is_record = type == "record";
  event.body = json.at(event.is_record ? "record" : "identity");
  event.text = std::move(text);
  return event;
}

std::string Event::path() const {
  return body.at("collection").get<std::string>() + "/" + body.at("rkey").get<std::string>();
}

void EventLog::add(Event event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  changed_.notify_all();
}

Events EventLog::all() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

void EventLog::wait_until(std::string_view what, const Condition& condition, std::chrono::seconds limit) {
  using SteadyClock = std::chrono::steady_clock;
  constexpr int kRest = 4;
  constexpr std::size_t kShown = 10;
  const auto deadline = SteadyClock::now() + limit;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto begin = SteadyClock::now();
    if (condition(events_)) return;
    const auto end = SteadyClock::now();
    if (end > deadline) break;
    const std::size_t seen = events_.size();
    changed_.wait_until(lock, deadline, [&] { return events_.size() != seen; });
    // A condition that looks at all events takes its time: it must not keep consumers from the log meanwhile.
    changed_.wait_until(lock, std::min(deadline, end + kRest * (end - begin)), [] { return false; });
  }
  std::string text = "not in time: " + std::string(what) + "; " + std::to_string(events_.size()) + " events, the last:";
  for (std::size_t i = events_.size() - std::min(events_.size(), kShown); i < events_.size(); ++i) {
    text += "\n  " + events_[i].text.substr(0, 300);
  }
  throw std::runtime_error(text);
}

void EventLog::wait_for_count(std::size_t count) {
  wait_until(std::to_string(count) + " events", [count](const Events& events) { return events.size() >= count; });
}

Events first_arrivals(const Events& events) {
  std::unordered_map<std::uint64_t, const Event*> seen;
  std::map<std::string, std::uint64_t> last;
  Events first;
  for (const Event& event : events) {
    const auto [place, is_new] = seen.try_emplace(event.id, &event);
    if (!is_new) {
      if (place->second->text == event.text) continue;
      throw std::runtime_error("one id for two events: " + place->second->text + " and " + event.text);
    }
    std::uint64_t& before = last[event.did()];
    if (event.id <= before) throw std::runtime_error("behind " + std::to_string(before) + ": " + event.text);
    before = event.id;
    first.push_back(event);
  }
  return first;
}

Events of_did(const Events& events, std::string_view did) {
  Events some;
  std::ranges::copy_if(events, std::back_inserter(some), [did](const Event& event) { return event.did() == did; });
  return some;
}

RecordCids records_of(const Events& events, std::string_view did) {
  RecordCids records;
  for (const Event& event : first_arrivals(events)) {
    if (!event.is_record || event.did() != did) continue;
    if (event.action() == "delete") {
      records.erase(event.path());
    } else {
      records[event.path()] = event.body.at("cid");
    }
  }
  return records;
}

std::size_t times_received(const Events& events, std::uint64_t id) {
  return static_cast<std::size_t>(std::ranges::count(events, id, &Event::id));
}

std::set<std::uint64_t> ids_of(const Events& events) {
  std::set<std::uint64_t> ids;
  for (const Event& event : events) ids.insert(event.id);
  return ids;
}

}  // namespace tap::test
