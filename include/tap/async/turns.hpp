// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/async/task.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

namespace tap::async {

/// One at a time per key, in the order of enter(). Loop thread only; outlives its tickets. A key without tickets takes
/// no memory. Who needs several keys enters them all before awaiting any, each once: then nobody waits in a circle.
class Turns {
  struct Waiter {
    std::optional<Event> event;  // only made when somebody has to wait
  };
  using Line = std::list<Waiter>;

 public:
  /// A place in the line; leaving is its destruction.
  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept : turns_(other.turns_), key_(other.key_), place_(other.place_) {
      other.turns_ = nullptr;
    }
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (turns_ != nullptr) turns_->leave(key_, place_);
    }
    /// Resumes when everybody before has left.
    [[nodiscard]] Task<void> turn();

   private:
    friend class Turns;
    Ticket(Turns* turns, std::uint64_t key, Line::iterator place) : turns_(turns), key_(key), place_(place) {}
    Turns* turns_;
    std::uint64_t key_;
    Line::iterator place_;
  };

  explicit Turns(Executor loop) : loop_(std::move(loop)) {}
  [[nodiscard]] Ticket enter(std::uint64_t key);
  /// Keys that somebody stands for.
  [[nodiscard]] std::size_t size() const { return lines_.size(); }

 private:
  void leave(std::uint64_t key, Line::iterator place);
  Executor loop_;
  std::unordered_map<std::uint64_t, Line> lines_;
};

}  // namespace tap::async
