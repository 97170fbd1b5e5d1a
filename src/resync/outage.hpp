// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"

#include <chrono>
#include <optional>

namespace tap::resync {

/// Whether the directory of did:plc, whom nearly every repo needs first, is down. One look-up that fails says little;
/// when eight in a row do, with no answer in between, everybody waits: 30 s, doubling to five minutes. Pure; loop
/// thread only.
class Outage {
 public:
  /// A look-up got no answer. Gives how long nobody is to ask, when such a wait begins now.
  [[nodiscard]] std::optional<std::chrono::milliseconds> failed(SteadyTime now);
  /// The directory answered, whatever it said.
  void over();
  /// When the repo of a look-up that failed is to be tried again.
  [[nodiscard]] std::chrono::milliseconds retry_delay(SteadyTime now) const;

 private:
  unsigned failures_ = 0;  // in a row
  unsigned waits_ = 0;     // in a row
  SteadyTime until_{};
};

}  // namespace tap::resync
