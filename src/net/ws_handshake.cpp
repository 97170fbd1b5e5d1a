// SPDX-License-Identifier: MIT
#include "tap/net/ws_handshake.hpp"

#include "tap/base/text.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace tap::net {

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha1(), nullptr) != 1) throw std::bad_alloc();
  return base64(ByteView(digest).first(size));
}

}  // namespace tap::net
