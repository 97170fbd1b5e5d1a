// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tap::deliver {

/// What a request for a WebSocket comes to. Pure.
struct Handshake {
  bool accepted = false;
  std::string response;  ///< to send, whole
  std::string reason;    ///< of a refusal, for the log
  std::size_t head = 0;  ///< bytes of the request; what follows belongs to the WebSocket
};

/// Judges the request whose head stands at the front of `received`. Only a page of the same host may ask, besides
/// programs, which send no Origin (8.4 item 75). Neither extensions nor a sub-protocol are agreed to.
[[nodiscard]] Handshake shake_hands(std::string_view received);

/// A refusal as the API writes them: JSON with a message.
[[nodiscard]] std::string refusal(std::string_view status, std::string_view message);

}  // namespace tap::deliver
