// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/result.hpp"

#include <chrono>
#include <functional>
#include <string_view>
#include <vector>

namespace tap::app {

/// One step of the shutdown. `limit` bounds it: then it is cancelled and given up, with a log line, and the next one
/// follows, whether or not it heeds that.
struct StopStep {
  std::string_view name;
  std::chrono::milliseconds limit;
  std::function<Task<Result<void>>()> work;
};

/// Takes the steps in order, one log line each. True when all of them ended well within their limits; else some may
/// still be under way on the loop, and only the end of the process ends them.
[[nodiscard]] Task<bool> stop_in_order(std::vector<StopStep> steps);

}  // namespace tap::app
