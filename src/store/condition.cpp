// SPDX-License-Identifier: MIT
#include "store/condition.hpp"

#include <string>

namespace tap::store {

void Condition::succeeded() {
  if (!now_) return;
  now_.clear();
  log_.info(std::string(what_) + " works again");
}

void Condition::failed(const Error& error) {
  failures_.add();
  if (now_ == error.code()) return;
  now_ = error.code();
  log_.error(std::string(what_) + " fails", {{"error", error.message()}});
}

}  // namespace tap::store
