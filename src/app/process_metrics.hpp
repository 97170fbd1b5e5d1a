// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/metrics.hpp"

namespace tap::app {

/// What Prometheus' clients say of a process, by their names: CPU, memory, descriptors, and since when it runs.
void add_process_metrics(metrics::Registry& metrics);

}  // namespace tap::app
