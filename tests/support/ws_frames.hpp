// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tap::test {

/// A client's WebSocket frame, to the bit. `first` is the first byte: 0x81 a whole text, 0x01 its first fragment, ...
struct ClientFrame {
  unsigned first = 0x81;
  std::string_view payload;
  bool masked = true;
  int length_bytes = 0;  ///< 0: the shortest; else 1, 2 or 8
};

inline std::string frame(const ClientFrame& frame) {
  const std::size_t size = frame.payload.size();
  const int length = frame.length_bytes != 0 ? frame.length_bytes : size < 126 ? 1 : size < 65536 ? 2 : 8;
  const unsigned mask_bit = frame.masked ? 0x80 : 0;
  std::string out(1, static_cast<char>(frame.first));
  out += static_cast<char>(mask_bit | (length == 1 ? static_cast<unsigned>(size) : length == 2 ? 126U : 127U));
  for (int i = length - 1; length > 1 && i >= 0; --i) {
    out += static_cast<char>(static_cast<std::uint64_t>(size) >> (8 * i) & 0xff);
  }
  constexpr std::string_view kMask = "\x11\x22\x83\x04";
  if (frame.masked) out += kMask;
  for (std::size_t i = 0; i < size; ++i) {
    out += frame.masked ? static_cast<char>(frame.payload[i] ^ kMask[i % 4]) : frame.payload[i];
  }
  return out;
}

/// The head of a server's frame, which has no mask: how long it is, 0 when it is not all there, and what follows.
struct FrameHead {
  std::size_t size = 0;
  std::size_t payload = 0;
};
inline FrameHead read_frame_head(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  const auto byte = [bytes](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  const std::size_t length = byte(1) & 0x7f;
  const std::size_t digits = length < 126 ? 0 : length == 126 ? 2 : 8;
  if (bytes.size() < 2 + digits) return {};
  std::size_t payload = digits == 0 ? length : 0;
  for (std::size_t i = 0; i < digits; ++i) payload = payload << 8 | byte(2 + i);
  return {2 + digits, payload};
}

inline std::string text_frame(std::string_view payload) { return frame({.payload = payload}); }

}  // namespace tap::test
