// SPDX-License-Identifier: MIT
#pragma once

#include "faults/tally.hpp"
#include "faults/witness.hpp"
#include "support/atproto/dice.hpp"
#include "support/process/consumer.hpp"
#include "support/process/socket.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace tap::faults {

/// Bad consumers that come and go, a few at a time and of each kind in turn, on a thread of their own. They ack nothing
/// that the witness has not seen.
class Crowd {
 public:
  /// `guests` outlives it: how many have come, over all crowds of a run.
  Crowd(std::uint64_t seed, std::uint64_t& guests, std::uint16_t port, Witness& witness, Tally& faults);
  /// All of them leave.
  ~Crowd();

 private:
  /// One that does not even read, or one that does.
  struct Guest {
    std::chrono::steady_clock::time_point leaves_at;
    std::optional<test::Socket> deaf = {};
    std::unique_ptr<test::EventSink> sink = {};
    std::unique_ptr<test::Consumer> consumer = {};
    std::string says = {};  ///< again and again; with an id, when there is one
  };
  void run();
  void let_in();
  [[nodiscard]] Guest deaf_guest();
  [[nodiscard]] Guest guest(test::Consumer::Options options, std::chrono::milliseconds pause, std::string says);
  void listen_to(Guest& guest);

  const std::uint64_t seed_;
  std::uint64_t& count_;  // of all that have come
  const std::uint16_t port_;
  Witness& witness_;
  Tally& faults_;
  std::list<Guest> guests_;  // not moved: a consumer has to go before its sink
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

}  // namespace tap::faults
