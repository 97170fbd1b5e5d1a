// SPDX-License-Identifier: MIT
#pragma once

#include "support/process/events.hpp"
#include "support/process/socket.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tap::test {

/// A consumer at /channel with a thread of its own, that sees every byte: puts each event into the sink and, unless
/// told not to, acks it then. All is safe to call from any thread.
class Consumer {
 public:
  struct Options {
    bool acks = true;
    bool acks_late = false;    ///< not one by one, but all that were at hand together, behind the last of them
    bool remembers = true;     ///< for received() and wait_for_count(): costs memory for every event
    std::string headers = {};  ///< of the handshake: further lines, each with its end
  };
  Consumer(std::uint16_t port, EventSink& log) : Consumer(port, log, Options()) {}
  Consumer(std::uint16_t port, EventSink& log, Options options);
  /// Cuts the connection, if it is still there.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Only those that this one has got.
  [[nodiscard]] Events received() const { return own_.all(); }
  void wait_for_count(std::size_t count) { own_.wait_for_count(count); }
  void ack(std::uint64_t id);
  /// From now on every event is acked at once, or none.
  void set_acks(bool on) { acks_ = on; }
  /// Sends a ping and waits for a pong with the same payload.
  void ping(const std::string& payload);
  void send_text(std::string_view text);
  /// Ends TCP without a word, as a crash does.
  void cut();
  [[nodiscard]] bool has_ended() const;

  /// How the other end ended.
  struct Ending {
    std::vector<int> opcodes;  ///< of all frames that came
    std::string torn;          ///< what came behind the last whole frame
  };
  /// Waits for it.
  [[nodiscard]] Ending wait_for_end();

 private:
  void send(const std::string& bytes);
  void run();
  void read_frames();
  void take_frame(int opcode, std::string payload);
  void ack_those_at_hand();

  EventSink& log_;
  EventLog own_;
  const bool remembers_, acks_late_;
  Socket socket_;
  std::string unread_;
  std::vector<std::uint64_t> to_ack_;
  std::atomic<bool> acks_;
  std::mutex sending_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<int> opcodes_;
  std::vector<std::string> pongs_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace tap::test
