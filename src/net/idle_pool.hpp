// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"

#include "net/connection.hpp"

#include <deque>
#include <memory>
#include <string>

namespace tap::net {

/// Connections that wait for another request to the same place. Bounded in all and per place; the oldest go first.
class IdlePool {
 public:
  /// Servers close after 5 s to 2 min; a connection that they closed is noticed by take() anyway.
  static constexpr std::chrono::seconds kMaxAge{60};

  IdlePool(std::size_t total, std::size_t per_place) : total_(total), per_place_(per_place) {}
  /// The youngest that is still of use, or nothing.
  [[nodiscard]] std::unique_ptr<Connection> take(const std::string& place, SteadyTime now);
  void put(std::string place, std::unique_ptr<Connection> connection, SteadyTime now);
  [[nodiscard]] std::size_t size() const { return idle_.size(); }

 private:
  struct Idle {
    std::string place;
    std::unique_ptr<Connection> connection;
    SteadyTime since;
  };
  void drop_old(SteadyTime now);
  std::size_t total_;
  std::size_t per_place_;
  std::deque<Idle> idle_;  // oldest first; a few hundred at most, so walking it is cheaper than an index
};

}  // namespace tap::net
