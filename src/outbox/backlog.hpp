// SPDX-License-Identifier: MIT
#pragma once

#include "outbox/memory.hpp"

#include <vector>

namespace tap::outbox {

/// Memory is a window on the journal: every durable event up to `loaded_` is or was in it. Knows whether there are more
/// behind that, and reads them when there is room. Loop thread only; journal and memory outlive it.
class Backlog {
 public:
  Backlog(Journal& journal, Memory& memory, bool any) : journal_(journal), memory_(memory), more_on_disk_(any) {}

  /// These are durable now: into memory when they follow what is there and find room, else they are read later.
  void committed(std::vector<Event> events);
  /// There are, or may be, durable events behind those in memory. The ends of stuck lanes do not count.
  [[nodiscard]] bool any() const { return more_on_disk_; }

  [[nodiscard]] bool wants_page() const { return more_on_disk_ && memory_.has_room(); }
  [[nodiscard]] bool wants_lane() const { return memory_.lane_to_read() && memory_.has_room(); }
  /// The next page; false when it could not be read.
  [[nodiscard]] Task<bool> read_page();
  /// More of a lane that was left on disk; false when it could not be read.
  [[nodiscard]] Task<bool> read_lane();

 private:
  void keep(Event event);
  void hold_for_page(Event event);
  void take_what_came_meanwhile();

  Journal& journal_;
  Memory& memory_;
  EventId loaded_{};     // every durable event up to here was in memory
  EventId announced_{};  // the last one that committed() told of
  bool more_on_disk_;
  bool reading_ = false;
  std::vector<Event> behind_page_;  // told of while the page is being read, without a gap unless gap_
  bool gap_ = false;
};

}  // namespace tap::outbox
