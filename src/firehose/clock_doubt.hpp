// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/repos/state.hpp"

#include <chrono>
#include <cstddef>
#include <set>

namespace tap::firehose {

/// Tells commits of single accounts that are dated ahead from a clock of ours that is behind. Pure; bounded.
class ClockDoubt {
 public:
  static constexpr std::size_t kRepos = 10;
  static constexpr std::chrono::minutes kWindow{10};

  /// A commit of this repo lies in the future. True when it is the kRepos-th repo within a window: once in it.
  [[nodiscard]] bool raise(repos::RepoId id, SteadyTime now);

 private:
  std::set<repos::RepoId> repos_;  // of the window, as far as they count
  SteadyTime began_{};
};

}  // namespace tap::firehose
