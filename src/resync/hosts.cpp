// SPDX-License-Identifier: MIT
#include "resync/hosts.hpp"

#include <algorithm>
#include <functional>
#include <string_view>
#include <tuple>
#include <utility>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::milliseconds kRest = 30s;
constexpr unsigned kLongestRest = 120;  // in units of kRest: an hour

}  // namespace

bool Hosts::admits(const Host& host, SteadyTime now) const {
  if (host.paused_until > now || fetching_ >= limits_.fetches) return false;
  if (host.proven) return host.fetching < limits_.per_host;
  return host.fetching == 0 && has_room_for_trials();
}

bool Hosts::has_room_for_trials() const { return on_trial_ < std::max<std::size_t>(1, limits_.fetches / 2); }

void Hosts::begin(Host& host) {
  if (host.fetching++ == 0) ++active_;
  ++fetching_;
  if (!host.proven) ++on_trial_;
}

Hosts::Entry Hosts::enter(const std::string& host, RepoId id, SteadyTime now) {
  Host& state = hosts_[host];
  // Who parks there already goes first.
  if (state.parked.empty() && admits(state, now)) {
    begin(state);
    return Entry::entered;
  }
  if (state.parked.size() >= limits_.park || parked_ >= limits_.parked) {
    forget_if_idle(host, now);
    return Entry::full;
  }
  if (state.parked.empty()) {
    ++crowded_;
    if (state.paused_until <= now) line_up(host, state);
  }
  state.parked.push_back(id);
  ++parked_;
  return Entry::parked;
}

void Hosts::leave(const std::string& host, Answer answer, SteadyTime now) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || found->second.fetching == 0) return;
  Host& state = found->second;
  if (--state.fetching == 0) --active_;
  --fetching_;
  if (!state.proven) --on_trial_;
  judge(state, answer);
  // Those that hang at the same time are one trouble, not several.
  if (answer == Answer::none && state.hung >= 2 && state.paused_until <= now) {
    pause(host, now + backoff(state.hung - 2, kLongestRest, kRest));
  }
  forget_if_idle(host, now);
}

void Hosts::judge(Host& host, Answer answer) {
  if (answer == Answer::unknown) return;
  const bool proven = answer == Answer::prompt;
  host.hung = proven ? 0 : host.hung + 1;
  if (proven == host.proven) return;
  if (proven) {
    on_trial_ -= host.fetching;
  } else {
    on_trial_ += host.fetching;
  }
  Line& former = line_of(host);
  host.proven = proven;
  if (Line& line = line_of(host); host.place) line.splice(line.end(), former, *host.place);
}

void Hosts::pause(const std::string& host, SteadyTime until) {
  Host& state = hosts_[host];
  pauses_.erase({state.paused_until, host});
  state.paused_until = std::max(state.paused_until, until);
  pauses_.emplace(state.paused_until, host);
}

bool Hosts::is_paused(const std::string& host, SteadyTime now) const {
  const auto found = hosts_.find(host);
  return found != hosts_.end() && found->second.paused_until > now;
}

std::vector<Hosts::Admitted> Hosts::unpark(SteadyTime now) {
  end_pauses(now);
  std::vector<Admitted> admitted;
  for (std::array left = {lines_[kOnTrial].size(), lines_[kProven].size()}; left[0] + left[1] > 0 && has_room();) {
    next_line_ = next_line_ == kProven ? kOnTrial : kProven;
    if (next_line_ == kOnTrial && !has_room_for_trials()) left[kOnTrial] = 0;
    if (left[next_line_] == 0) continue;
    --left[next_line_];
    serve_first(lines_[next_line_], now, admitted);
  }
  return admitted;
}

void Hosts::serve_first(Line& line, SteadyTime now, std::vector<Admitted>& admitted) {
  const std::string& name = line.front();
  Host& host = hosts_.at(name);
  while (!host.parked.empty() && admits(host, now)) {
    admitted.push_back({name, host.parked.front()});
    host.parked.pop_front();
    --parked_;
    if (host.parked.empty()) --crowded_;
    begin(host);
  }
  if (!host.parked.empty() && host.paused_until <= now) {
    line.splice(line.end(), line, *host.place);
  } else {  // the end of its pause brings back one that is paused
    line.erase(*std::exchange(host.place, std::nullopt));
  }
}

std::optional<SteadyTime> Hosts::next_due() const {
  if (pauses_.empty()) return std::nullopt;
  return pauses_.begin()->first;
}

std::vector<Hosts::Status> Hosts::worst(std::size_t most, SteadyTime now) const {
  const auto pause = [now](const Host& host) {
    return std::max(host.paused_until - now, SteadyTime::duration::zero());
  };
  std::vector<const decltype(hosts_)::value_type*> busy;
  for (const auto& known : hosts_) {
    const Host& host = known.second;
    if (!host.parked.empty() || host.fetching > 0 || host.paused_until > now) busy.push_back(&known);
  }
  const auto weight = [&](const auto* known) {
    const Host& host = known->second;
    return std::tuple(host.parked.size(), pause(host), host.fetching, host.hung, std::string_view(known->first));
  };
  const auto end = busy.begin() + static_cast<std::ptrdiff_t>(std::min(most, busy.size()));
  std::ranges::partial_sort(busy, end, std::greater(), weight);
  std::vector<Status> worst;
  std::for_each(busy.begin(), end, [&](const auto* known) {
    const auto& [name, host] = *known;
    worst.push_back({.name = name,
                     .waiting = host.parked.size(),
                     .fetching = host.fetching,
                     .paused = std::chrono::ceil<std::chrono::seconds>(pause(host)),
                     .hung = host.hung});
  });
  return worst;
}

void Hosts::line_up(const std::string& name, Host& host) {
  if (host.place) return;
  Line& line = line_of(host);
  host.place = line.insert(line.end(), name);
}

void Hosts::end_pauses(SteadyTime now) {
  while (!pauses_.empty() && pauses_.begin()->first <= now) {
    const std::string name = std::move(pauses_.extract(pauses_.begin()).value().second);
    if (Host& host = hosts_.at(name); !host.parked.empty()) line_up(name, host);
    forget_if_idle(name, now);
  }
}

void Hosts::forget_if_idle(const std::string& name, SteadyTime now) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return;
  const Host& host = found->second;
  if (host.fetching > 0 || !host.parked.empty()) return;
  const bool worth_it = host.proven || host.hung > 0 || host.paused_until > now;
  if (worth_it && hosts_.size() <= limits_.known) return;
  pauses_.erase({host.paused_until, name});
  hosts_.erase(found);
}

}  // namespace tap::resync
