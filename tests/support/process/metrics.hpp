// SPDX-License-Identifier: MIT
#pragma once

#include "support/process/http_call.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tap::test {

/// The text of the metrics at this port.
[[nodiscard]] inline std::string scrape(std::uint16_t port) {
  return "\n" + http_call(port, {.target = "/metrics"}).body;
}
/// The value of a series, as `name` or `name{label="value"}`; empty when there is none.
[[nodiscard]] inline std::optional<double> value_of(const std::string& metrics, const std::string& series) {
  const std::size_t at = metrics.find("\n" + series + " ");
  if (at == std::string::npos) return std::nullopt;
  return std::stod(metrics.substr(at + series.size() + 2));
}

}  // namespace tap::test
