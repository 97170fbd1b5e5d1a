// SPDX-License-Identifier: MIT
#include "deliver/liveness.hpp"

#include <algorithm>

namespace tap::deliver {

Liveness::Verdict Liveness::judge(SteadyTime now) {
  if (write_ && now - *write_ >= limits_.write_timeout) return Verdict::stalled;
  if (now - heard_ >= limits_.idle_limit) return Verdict::gone;
  if (now < ping_due()) return Verdict::fine;
  asked_ = now;
  return Verdict::ping;
}

SteadyTime Liveness::due(SteadyTime now) const {
  const SteadyTime write_due = write_.value_or(now) + limits_.write_timeout;
  return std::min({ping_due(), heard_ + limits_.idle_limit, write_due});
}

}  // namespace tap::deliver
