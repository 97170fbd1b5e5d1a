// SPDX-License-Identifier: MIT
#include "app/stopper.hpp"

#include "tap/async/timeout.hpp"
#include "tap/base/log.hpp"

namespace tap::app {
namespace {

constexpr log::Logger kLog("stopper");

}  // namespace

Task<bool> stop_in_order(std::vector<StopStep> steps) {
  bool clean = true;
  for (const StopStep& step : steps) {
    auto done = co_await async::with_timeout(step.work(), step.limit);
    if (done) {
      kLog.info("stopped", {{"step", step.name}});
    } else {
      clean = false;
      kLog.error("could not stop in order", {{"step", step.name}, {"error", done.error().message()}});
    }
  }
  co_return clean;
}

}  // namespace tap::app
