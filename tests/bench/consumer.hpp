// SPDX-License-Identifier: MIT
#pragma once

#include "bench/frame_batch.hpp"
#include "bench/socket.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tap::bench {

/// What a consumer has got so far.
struct Tally {
  Expected live, historical;
  std::uint64_t identities = 0;
  std::uint64_t repeated = 0;                             ///< events whose id came before
  std::chrono::steady_clock::time_point first{}, last{};  ///< when it got its first and its latest record event
};

/// A consumer of /channel on a thread of its own: reads large pieces, acks every event, and sends the acks of a piece
/// in one write.
class Consumer {
 public:
  /// `timed` keeps the key of every record event and the instant when it was there.
  explicit Consumer(std::uint16_t port, bool timed = false);
  /// Sends the acks that wait, then leaves.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Throws when the connection has ended.
  [[nodiscard]] Tally tally() const;

  using Arrival = std::pair<std::uint64_t, std::chrono::steady_clock::time_point>;
  /// In the order in which they came.
  [[nodiscard]] std::vector<Arrival> arrivals() const;

 private:
  void run();
  bool exchange();
  void read_events();
  void take_frame(int opcode, std::string_view payload);
  void take_event(std::string_view message);
  void send_frame(int opcode, std::string_view payload);

  Socket socket_;
  bool timed_;
  std::atomic<bool> stopping_ = false;
  // The thread's own.
  std::string buffer_;  // what was received and not read yet: [begin_, end_)
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string output_;
  std::vector<bool> seen_;
  std::chrono::steady_clock::time_point now_{};
  Tally counting_;
  std::vector<Arrival> arriving_;
  // What it shows.
  mutable std::mutex mutex_;
  Tally tally_;
  std::vector<Arrival> arrivals_;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace tap::bench
