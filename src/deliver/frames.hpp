// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tap::deliver {

/// The server's side of WebSocket framing (RFC 6455), pure. Written here because the channel needs what a library does
/// not give: violations that are not answered with a close frame, text that need not be UTF-8, an empty close for an
/// empty close, and reads and writes of many frames at a time.
enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct Frame {
  Opcode kind{};             ///< text or binary: a whole message, joined from its fragments
  std::string_view payload;  ///< unmasked; valid until the next call of the reader
};

/// Takes bytes as they come from the socket and gives what a client says. Memory: a fixed buffer, and a message in
/// fragments, both bounded by max_message.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_message);

  /// Where the next bytes go; never empty once next() has given nothing.
  [[nodiscard]] std::span<char> space();
  void received(std::size_t bytes) { end_ += bytes; }
  /// The next message or control frame; nothing when more bytes are needed. After an error the stream is lost.
  [[nodiscard]] Result<std::optional<Frame>> next();

 private:
  struct Head {
    bool fin = false;
    Opcode opcode{};
    std::size_t size = 0;  // of the head itself
    std::uint64_t payload = 0;
  };
  [[nodiscard]] Result<std::optional<Head>> head() const;
  [[nodiscard]] Result<void> check(const Head& head) const;
  [[nodiscard]] std::optional<Frame> join(const Head& head, std::string_view payload);

  std::size_t max_message_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;  // memory that no byte has reached is not resident
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::optional<Opcode> fragmented_;  // the kind of the message that is coming in fragments
  std::string message_;
};

/// What answers a close frame: its code without a reason, or nothing for nothing. Fails for what a close frame must not
/// say.
[[nodiscard]] Result<std::string> close_answer(std::string_view payload);

/// A final, unmasked frame. The payload is appended behind its head.
void append_frame_head(std::string& out, Opcode opcode, std::size_t payload);
void append_frame(std::string& out, Opcode opcode, std::string_view payload);

}  // namespace tap::deliver
