// SPDX-License-Identifier: MIT
#pragma once

#include "store/postgres/patience.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace tap::store::postgres {

/// An end to the waits of one connection, whose library knows none: a thread of its own looks on while somebody waits,
/// and shuts down the socket of a server that hangs, so that the wait fails. It sleeps while there is nothing to do.
class Watch {
 public:
  struct End {
    void operator()(Watch* watch) const { watch->end(); }
  };
  /// Somebody waits for as long as it lives.
  using Wait = std::unique_ptr<Watch, End>;

  /// `socket`: a copy of it is kept, because whoever waits may close it. `is_there`: whether the server answers
  /// anybody; called on the watch's thread. Throws std::system_error where there is no descriptor or thread left.
  Watch(int socket, Waiting waiting, std::function<bool()> is_there);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Of one thread at a time.
  [[nodiscard]] Wait begin();
  /// The socket was shut down.
  [[nodiscard]] bool has_given_up() const { return has_given_up_; }

 private:
  void run();
  /// Looks at the wait that is under way.
  void look(std::unique_lock<std::mutex>& lock);
  void end();

  int socket_;
  Waiting waiting_;
  std::function<bool()> is_there_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_waiting_ = false;
  std::uint64_t waits_ = 0;
  Patience patience_;
  bool is_asleep_ = false;
  bool is_ending_ = false;
  std::atomic<bool> has_given_up_ = false;
  std::thread thread_;
};

}  // namespace tap::store::postgres
