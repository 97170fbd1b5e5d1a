// SPDX-License-Identifier: MIT
#pragma once

#include "support/process/judge.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>

namespace tap::faults {

/// Sees every event that a consumer gets: no lie may be among them. What else there is to say of it the judge does.
class Witness final : public test::EventSink {
 public:
  /// Of the mute not one record is told. `judge` outlives it.
  Witness(test::Judge& judge, const std::set<std::string>& mutes) : judge_(judge), mutes_(mutes) {}

  void add(test::Event event) override;
  void acking(std::uint64_t id) override { judge_.acking(id); }
  /// The first lie that was told, or else what the judge says.
  [[nodiscard]] std::string violation() const;
  [[nodiscard]] std::uint64_t last_id() const { return last_id_; }

 private:
  test::Judge& judge_;
  const std::set<std::string>& mutes_;
  std::atomic<std::uint64_t> last_id_ = 0;
  mutable std::mutex mutex_;
  std::string violation_;
};

}  // namespace tap::faults
