// SPDX-License-Identifier: MIT
#include "resync/host_gauges.hpp"

#include <cstdint>
#include <utility>

namespace tap::resync {
namespace {

metrics::Gauge& hosts_that_are(metrics::Registry& metrics, const char* state) {
  return metrics.gauge("tap_resync_hosts", "Hosts of repos by what they are in, several at once", {{"state", state}});
}

}  // namespace

HostGauges::HostGauges(metrics::Registry& metrics)
    : known_(hosts_that_are(metrics, "known")),
      fetched_(hosts_that_are(metrics, "fetching")),
      crowded_(hosts_that_are(metrics, "crowded")),
      paused_(hosts_that_are(metrics, "paused")),
      waiting_of_(metrics.gauge_set("tap_resync_host_waiting",
                                    "Repos that wait at their host, of the hosts for which most wait", "host")),
      fetching_of_(metrics.gauge_set("tap_resync_host_fetching", "Repos that are fetched from such a host", "host")),
      pause_of_(metrics.gauge_set("tap_resync_host_paused_seconds",
                                  "How much longer such a host is left alone, since it asked for it or hung", "host")),
      hung_of_(metrics.gauge_set("tap_resync_host_hung", "Fetches from such a host that hung in a row", "host")) {}

void HostGauges::show(const Hosts& hosts, SteadyTime now) {
  known_.set(static_cast<std::int64_t>(hosts.known()));
  fetched_.set(static_cast<std::int64_t>(hosts.active()));
  crowded_.set(static_cast<std::int64_t>(hosts.crowded()));
  paused_.set(static_cast<std::int64_t>(hosts.paused()));
  if (now >= next_ && has_names(hosts)) name_worst(hosts, now);
}

std::optional<SteadyTime> HostGauges::next_due(const Hosts& hosts) const {
  if (!has_names(hosts)) return std::nullopt;
  return next_;
}

bool HostGauges::has_names(const Hosts& hosts) const {
  return named_ || hosts.active() > 0 || hosts.crowded() > 0 || hosts.paused() > 0;
}

void HostGauges::name_worst(const Hosts& hosts, SteadyTime now) {
  next_ = now + kEvery;
  const auto worst = hosts.worst(kNamed, now);
  named_ = !worst.empty();
  metrics::GaugeSet::Values waiting, fetching, pause, hung;
  for (const auto& host : worst) {
    waiting.emplace(host.name, host.waiting);
    fetching.emplace(host.name, host.fetching);
    pause.emplace(host.name, host.paused.count());
    hung.emplace(host.name, host.hung);
  }
  waiting_of_.replace(std::move(waiting));
  fetching_of_.replace(std::move(fetching));
  pause_of_.replace(std::move(pause));
  hung_of_.replace(std::move(hung));
}

}  // namespace tap::resync
