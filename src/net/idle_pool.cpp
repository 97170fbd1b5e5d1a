// SPDX-License-Identifier: MIT
#include "net/idle_pool.hpp"

#include <algorithm>
#include <ranges>

namespace tap::net {

std::unique_ptr<Connection> IdlePool::take(const std::string& place, SteadyTime now) {
  drop_old(now);
  for (;;) {
    const auto youngest = std::ranges::find(idle_ | std::views::reverse, place, &Idle::place);
    if (youngest == idle_.rend()) return nullptr;
    auto connection = std::move(youngest->connection);
    idle_.erase(std::next(youngest).base());
    if (connection->is_quiet()) return connection;
  }
}

void IdlePool::put(std::string place, std::unique_ptr<Connection> connection, SteadyTime now) {
  drop_old(now);
  idle_.push_back({std::move(place), std::move(connection), now});
  const std::string& mine = idle_.back().place;
  if (std::cmp_greater(std::ranges::count(idle_, mine, &Idle::place), per_place_)) {
    idle_.erase(std::ranges::find(idle_, mine, &Idle::place));
  }
  if (idle_.size() > total_) idle_.pop_front();
}

void IdlePool::drop_old(SteadyTime now) {
  while (!idle_.empty() && now - idle_.front().since > kMaxAge) idle_.pop_front();
}

}  // namespace tap::net
