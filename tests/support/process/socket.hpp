// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tap::test {

/// A TCP socket of this machine's loopback, closed at the end of its life. Errors are thrown as std::system_error.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  [[nodiscard]] static Socket connect(std::uint16_t port);

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] explicit operator bool() const { return descriptor_ >= 0; }
  void set_blocking(bool blocking) const;
  /// Every byte; the socket is blocking.
  void send(std::string_view bytes) const;
  /// What a non-blocking socket takes now.
  [[nodiscard]] std::size_t send_some(std::string_view bytes) const;
  /// Appends what has come, at most `most` bytes. `closed` when the peer has ended; 0 when a non-blocking socket has
  /// nothing.
  struct Received {
    std::size_t size = 0;
    bool closed = false;
  };
  [[nodiscard]] Received receive(std::span<char> into) const;
  /// False when nothing has come in time; the end counts as something.
  [[nodiscard]] bool wait_readable(std::chrono::milliseconds limit) const;
  /// Wakes a thread that is blocked in the socket.
  void shut_down() const;
  /// Closes with a reset: what the peer still sends is lost.
  void reset();

 private:
  int descriptor_ = -1;
};

/// Reads until the empty line that ends an HTTP head, which must come within kPatience; gives the head and leaves what
/// follows in `rest`.
[[nodiscard]] std::string read_http_head(const Socket& socket, std::string& rest);

/// A client's WebSocket handshake on a blocking socket, with further header lines; what followed the answer is put into
/// `rest`.
void shake_hands(const Socket& socket, std::string_view target, std::string& rest, std::string_view headers = {});

}  // namespace tap::test
