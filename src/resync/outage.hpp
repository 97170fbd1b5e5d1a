// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/identifiers.hpp"
#include "tap/base/clock.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace tap::resync {

/// Whether the directory of did:plc, whom nearly every repo needs first, is down. Look-ups of one DID that fail say
/// little, however many they are; when those of eight do, with no answer in between, everybody waits: 30 s, doubling to
/// five minutes. Pure; loop thread only.
class Outage {
 public:
  /// The look-up of this DID got no answer. Gives how long nobody is to ask, when such a wait begins now.
  [[nodiscard]] std::optional<std::chrono::milliseconds> failed(const atproto::Did& did, SteadyTime now);
  /// The directory answered, whatever it said.
  void over();
  /// When the repo of a look-up that failed is to be tried again.
  [[nodiscard]] std::chrono::milliseconds retry_delay(SteadyTime now) const;

 private:
  std::vector<atproto::Did> failed_;  // since the last answer; no more than it takes
  unsigned waits_ = 0;                // in a row
  SteadyTime until_{};
};

}  // namespace tap::resync
