// SPDX-License-Identifier: MIT
// Whatever asks for a WebSocket gets one whole answer that it has no part in but the proof of its key; what is accepted
// says all that RFC 6455 wants, in plain sight.
#include "tap/base/text.hpp"
#include "tap/net/ws_handshake.hpp"

#include "deliver/handshake.hpp"
#include "fuzz/fuzz.hpp"

#include <string>

using namespace tap;

namespace {

const std::string kAccepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";

/// Whether some 24 characters of the head are the key that this proof is of.
bool proves_a_key(std::string_view response, std::string_view head) {
  for (std::size_t end = head.find("=="); end != std::string_view::npos; end = head.find("==", end + 1)) {
    if (end < 22) continue;
    const std::string proof = net::websocket_accept(head.substr(end - 22, 24));
    if (response == kAccepted + proof + "\r\n\r\n") return true;
  }
  return false;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const auto handshake = deliver::shake_hands(text);
  const std::string_view response = handshake.response;
  fuzz::require(response.starts_with("HTTP/1.1 ") && response.size() < 300);
  fuzz::require(handshake.accepted == handshake.reason.empty() && handshake.reason.size() <= size + 100);
  if (!handshake.accepted) {
    fuzz::require(response.starts_with("HTTP/1.1 4") && handshake.head == 0);
    return 0;
  }
  fuzz::require(handshake.head <= size);
  const std::string_view head = text.substr(0, handshake.head);
  fuzz::require(head.starts_with("GET ") && head.ends_with("\r\n\r\n") && head.contains(" HTTP/1.1\r\n"));
  for (const char* word : {"upgrade", "websocket", "sec-websocket-version", "13", "sec-websocket-key"}) {
    fuzz::require(lower(head).contains(word));
  }
  fuzz::require(proves_a_key(response, head));
  return 0;
}
