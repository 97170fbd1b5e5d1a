// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace tap::app {

/// Serves the metrics at /metrics on threads of its own until destroyed.
class MetricsServer {
 public:
  /// `bind` is host:port or :port; port 0 picks one.
  [[nodiscard]] static Result<std::unique_ptr<MetricsServer>> start(const std::string& bind,
                                                                    const metrics::Registry& registry);
  ~MetricsServer();
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit MetricsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tap::app
