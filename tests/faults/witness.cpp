// SPDX-License-Identifier: MIT
#include "faults/witness.hpp"

#include "faults/commit_lies.hpp"

#include <utility>

namespace tap::faults {

void Witness::add(test::Event event) {
  if (event.is_record && (mutes_.contains(event.did()) || event.path().contains(kLieMark))) {
    const std::lock_guard lock(mutex_);
    if (violation_.empty()) violation_ = "a lie was told: " + event.text.substr(0, 400);
  }
  const std::uint64_t id = event.id;
  judge_.add(std::move(event));
  last_id_ = id;  // whoever acks it now has told the judge of it
}

std::string Witness::violation() const {
  {
    const std::lock_guard lock(mutex_);
    if (!violation_.empty()) return violation_;
  }
  return judge_.violation();
}

}  // namespace tap::faults
