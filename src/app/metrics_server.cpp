// SPDX-License-Identifier: MIT
#include "app/metrics_server.hpp"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <exception>

namespace tap::app {

struct MetricsServer::State {
  std::shared_ptr<prometheus::Collectable> metrics;
  prometheus::Exposer exposer;

  State(const std::string& bind, const metrics::Registry& registry)
      : metrics(registry.collectable()), exposer(bind, /*num_threads=*/2) {
    exposer.RegisterCollectable(metrics);
  }
};

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const std::string& bind,
                                                            const metrics::Registry& registry) {
  // civetweb takes a bare port for "every address".
  const std::string address = bind.starts_with(':') ? bind.substr(1) : bind;
  try {
    return std::unique_ptr<MetricsServer>(new MetricsServer(std::make_unique<State>(address, registry)));
  } catch (const std::exception& error) {  // civetweb says it by exception only
    return fail(std::make_error_code(std::errc::address_not_available), bind + ": " + error.what());
  }
}

MetricsServer::MetricsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricsServer::~MetricsServer() = default;

std::uint16_t MetricsServer::port() const {
  const auto ports = state_->exposer.GetListeningPorts();
  return ports.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(ports.front());
}

}  // namespace tap::app
