// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"

namespace tap::app {

/// SIGTERM and SIGINT, from its construction to the end of the process; there is one of it. What they do at once the
/// handler does itself: neither a start that takes long nor a shutdown that hangs would hear of them. (And without a
/// handler they would not even end process 1 of a container.)
class StopSignals {
 public:
  /// From now on a signal ends the process at once, with status 0: there is nothing to put in order yet, and a
  /// migration or import under way is undone, as by a crash.
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Resumes with the number of the first signal that comes from now on. Each one after that, and after this was
  /// cancelled, ends the process at once, with status 1. Called once.
  [[nodiscard]] Task<int> first();
};

}  // namespace tap::app
