// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <cstdint>
#include <string>

namespace tap::test {

/// A WebSocket frame as a server sends it (RFC 6455): opcode 1 is text, 2 binary, 0 a continuation, 8 close, 9 ping.
inline std::string server_frame(int opcode, ByteView payload, bool final = true) {
  std::string frame(1, static_cast<char>((final ? 0x80 : 0) | opcode));
  const std::size_t size = payload.size();
  const int digits = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  frame += static_cast<char>(digits == 0 ? size : digits == 2 ? 126 : 127);
  for (int i = digits - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i));
  return frame.append(as_text(payload));
}

}  // namespace tap::test
