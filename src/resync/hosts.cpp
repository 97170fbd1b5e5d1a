// SPDX-License-Identifier: MIT
#include "tap/resync/queue.hpp"

#include <algorithm>

namespace tap::resync {

bool Hosts::enter(const std::string& host, RepoId id, SteadyTime now) {
  Host& state = hosts_[host];
  if (state.fetching < limit_ && state.paused_until <= now) {
    ++state.fetching;
    return true;
  }
  state.parked.push_back(id);
  return false;
}

void Hosts::leave(const std::string& host) {
  const auto found = hosts_.find(host);
  if (found != hosts_.end() && found->second.fetching > 0) --found->second.fetching;
}

void Hosts::pause(const std::string& host, SteadyTime until) {
  Host& state = hosts_[host];
  state.paused_until = std::max(state.paused_until, until);
}

std::vector<RepoId> Hosts::unpark(SteadyTime now) {
  std::vector<RepoId> free;
  for (auto it = hosts_.begin(); it != hosts_.end();) {
    Host& host = it->second;
    if (host.paused_until <= now) {
      for (std::size_t room = limit_ - std::min(limit_, host.fetching); room > 0 && !host.parked.empty(); --room) {
        free.push_back(host.parked.front());
        host.parked.pop_front();
      }
    }
    const bool idle = host.fetching == 0 && host.parked.empty() && host.paused_until <= now;
    it = idle ? hosts_.erase(it) : std::next(it);
  }
  return free;
}

std::optional<SteadyTime> Hosts::next_due() const {
  std::optional<SteadyTime> due;
  for (const auto& [name, host] : hosts_) {
    if (!host.parked.empty() && host.fetching < limit_ && (!due || host.paused_until < *due)) due = host.paused_until;
  }
  return due;
}

std::size_t Hosts::parked() const {
  std::size_t count = 0;
  for (const auto& [name, host] : hosts_) count += host.parked.size();
  return count;
}

std::size_t Hosts::paused(SteadyTime now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(hosts_, [&](const auto& entry) { return entry.second.paused_until > now; }));
}

}  // namespace tap::resync
