// SPDX-License-Identifier: MIT
#include "tap/async/slots.hpp"

namespace tap::async {

Task<Slots::Slot> Slots::take() {
  while (free_ == 0) co_await freed_.wait();
  co_return enter();
}

Task<Slots::Slot> Slots::take(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (free_ == 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) co_return Slot(nullptr);
    co_await freed_.wait_for(left);
  }
  co_return enter();
}

Slots::Slot Slots::enter() {
  --free_;
  if (taken_ != nullptr) taken_->add(1);
  return Slot(this);
}

void Slots::leave() {
  ++free_;
  if (taken_ != nullptr) taken_->add(-1);
  freed_.notify_one();
}

}  // namespace tap::async
