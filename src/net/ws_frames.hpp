// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace tap::net {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Takes the messages of a WebSocket server (RFC 6455, no extensions) out of a buffer that it owns, where they lie. Our
/// own, because Beast's stream reads through a buffer of 1.5 KB and copies: at 200,000 small frames a second that is
/// most of the work. Pure: no I/O.
class FrameReader {
 public:
  struct Message {
    Opcode opcode;  ///< never continuation: fragments are joined
    ByteView payload;
  };

  FrameReader(std::size_t buffer_size, std::size_t max_message);

  /// The next message or control frame, nothing when more input is needed. The payload is valid until the next call of
  /// next() or space(). bad_response on a breach of the protocol, too_large above max_message: then it is of no more
  /// use.
  [[nodiscard]] Result<std::optional<Message>> next();
  /// Whether next() would give a data message or an error, perhaps behind control frames.
  [[nodiscard]] bool has_message() const;

  /// Where input goes; never empty. `filled` says how much came.
  [[nodiscard]] std::span<std::uint8_t> space();
  void filled(std::size_t size) { end_ += size; }

 private:
  struct Frame {
    bool final;
    Opcode opcode;
    std::size_t header;
    std::size_t payload;
    [[nodiscard]] std::size_t size() const { return header + payload; }
    [[nodiscard]] bool is_control() const { return static_cast<std::uint8_t>(opcode) >= 8; }
  };
  [[nodiscard]] Result<std::optional<Frame>> peek(std::size_t at) const;
  [[nodiscard]] Result<std::optional<Message>> take_fragment(const Frame& frame, ByteView payload);

  std::size_t buffer_size_;
  std::size_t max_message_;
  Bytes buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_ = 0;  // size of the frame at begin_, once its header is known
  Bytes joined_;            // the fragments so far
  std::optional<Opcode> joining_;
};

/// A control frame as a client sends it; at most 125 bytes of payload.
[[nodiscard]] std::string control_frame(Opcode opcode, ByteView payload, std::uint32_t mask);

}  // namespace tap::net
