// SPDX-License-Identifier: MIT
#include "tap/firehose/low_water.hpp"

#include <algorithm>

namespace tap::firehose {

void LowWater::begin(std::int64_t seq) {
  entries_.push_back({seq, false});
  seen_ = seq;
  ++unfinished_;
}

void LowWater::pass(std::int64_t seq) { seen_ = seq; }

void LowWater::done(std::int64_t seq) {
  const auto found = std::ranges::lower_bound(entries_, seq, {}, &Entry::seq);
  if (found == entries_.end() || found->seq != seq || found->done) return;
  found->done = true;
  --unfinished_;
  while (!entries_.empty() && entries_.front().done) entries_.pop_front();
}

std::int64_t LowWater::value() const { return entries_.empty() ? seen_ : entries_.front().seq - 1; }

}  // namespace tap::firehose
