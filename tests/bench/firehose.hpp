// SPDX-License-Identifier: MIT
#pragma once

#include "bench/frame_batch.hpp"
#include "bench/socket.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tap::bench {

/// The firehose of a relay for one client at a time. It looks at no cursor and writes prepared batches from blocking
/// sockets: what it costs on the cores that it shares with the program under test is little more than the copy to the
/// kernel.
class Firehose {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Firehose();
  ~Firehose();
  Firehose(const Firehose&) = delete;
  Firehose& operator=(const Firehose&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Throws when none comes.
  void wait_for_client();

  /// Writes the batch so many times over, with new seqs each time, as fast as the client takes it.
  void send(FrameBatch& batch, std::size_t times = 1);
  /// One frame at a time, evenly; gives the instant before each was written.
  [[nodiscard]] std::vector<Time> send_paced(FrameBatch& batch, double frames_per_second);

 private:
  void serve();
  void serve_client(Socket client);
  void write(std::string_view frames);

  Socket listener_;
  std::uint16_t port_ = 0;
  std::int64_t next_seq_ = kFirstSeq;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards client_, and a frame's way to it: pongs come from another thread
  std::condition_variable arrived_;
  Socket* client_ = nullptr;
  std::thread thread_;
};

}  // namespace tap::bench
