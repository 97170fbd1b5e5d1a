// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace tap::faults {

/// How often each kind of thing happened. Safe to call from any thread.
class Tally {
 public:
  void add(const std::string& kind) {
    const std::lock_guard lock(mutex_);
    ++counts_[kind];
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace tap::faults
