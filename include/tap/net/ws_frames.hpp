// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"
#include "tap/net/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// WebSocket framing (RFC 6455 without extensions) for both ends of a connection. Pure: no I/O. Our own, because a
/// library reads through a small buffer and copies, which is most of the work at 200,000 small frames a second; answers
/// violations with a close frame, which ends the official client for good (protocol 11.3); and refuses text that is not
/// UTF-8, which the original takes.
namespace tap::net {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Takes messages out of a buffer that it owns, where they lie. Only fragments are copied, to join them. Memory: the
/// buffer, of `read_bytes` or of the one longer frame that is coming, and the fragments so far; what no byte has
/// reached is not resident. A message above `max_message` takes none: its bytes are dropped as they come.
class FrameReader {
 public:
  /// Who sends the frames. A server must not mask them, and write lengths in the shortest form. A client must mask
  /// them; its lengths may be padded, as the original allows.
  enum class Peer : std::uint8_t { server, client };
  struct Options {
    Peer peer;
    std::size_t read_bytes;   ///< what space() offers; at least 1 KiB
    std::size_t max_message;  ///< bytes of a whole message
  };
  struct Message {
    Opcode opcode{};     ///< never continuation
    ByteView payload{};  ///< unmasked; text may be invalid UTF-8
  };

  static constexpr std::size_t kAbsurd = 64;

  explicit FrameReader(const Options& options);

  /// The next message or control frame, nothing when more input is needed. The payload is valid until the next call of
  /// anything but has_message(). too_large above max_message, once and as soon as a frame's head tells: the message is
  /// passed over, and the next call goes on behind it. bad_frame on a breach of the protocol, and for a message of more
  /// than kAbsurd times the limit, which would swallow all that follows: then the reader is of no more use.
  [[nodiscard]] Result<std::optional<Message>> next();
  /// Whether next() would give a data message or an error, perhaps behind control frames.
  [[nodiscard]] bool has_message() const;

  /// Where input goes; never empty once next() has given nothing. `filled` says how much came.
  [[nodiscard]] std::span<std::uint8_t> space();
  void filled(std::size_t size) { end_ += size; }
  /// Input that came another way: behind the handshake.
  void append(ByteView bytes);

 private:
  struct Head {
    bool final = false;
    Opcode opcode{};
    std::size_t size = 0;  // of the head itself
    std::size_t payload = 0;
    [[nodiscard]] std::size_t whole() const { return size + payload; }
  };
  /// What has come of a message that is not whole.
  struct Fragments {
    std::optional<Opcode> kind;  // none: nothing has
    std::size_t bytes = 0;
  };
  [[nodiscard]] static Fragments after(const Head& head, const Fragments& before);
  [[nodiscard]] bool is_too_large(const Head& head, const Fragments& before) const;
  [[nodiscard]] bool drop();
  [[nodiscard]] Result<std::optional<Head>> head(std::size_t at, const Fragments& before) const;
  [[nodiscard]] std::string_view breach(std::uint8_t first, std::uint8_t second) const;
  [[nodiscard]] std::string_view breach(const Head& head, const Fragments& before) const;
  [[nodiscard]] std::optional<Message> join(const Head& head, ByteView payload);
  void move_to(std::size_t capacity);

  bool masked_;
  std::size_t read_bytes_;
  std::size_t max_message_;
  std::size_t capacity_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_ = 0;    // size of the frame at begin_, once its head is known
  Fragments fragments_;       // of the message that is coming
  Bytes joined_;              // their bytes, unless they are too many
  std::size_t dropping_ = 0;  // so many bytes more, of a frame of a message that is too large
};

/// What answers a close frame: its code without a reason, or nothing for nothing. bad_frame for what a close frame must
/// not say: one byte, a code that is not for the wire, a reason that is not UTF-8.
[[nodiscard]] Result<std::string> close_answer(ByteView payload);

/// The head of a server's final frame; `payload` bytes are to follow it.
void append_frame_head(std::string& out, Opcode opcode, std::size_t payload);
/// A final frame, as a server sends it, or masked, as a client does.
void append_frame(std::string& out, Opcode opcode, ByteView payload);
void append_masked_frame(std::string& out, Opcode opcode, ByteView payload, std::uint32_t mask);

}  // namespace tap::net
