// SPDX-License-Identifier: MIT
#include "tap/firehose/low_water.hpp"

namespace tap::firehose {

void LowWater::begin(std::int64_t seq) {
  unfinished_.insert(unfinished_.end(), seq);
  seen_ = seq;
}

}  // namespace tap::firehose
