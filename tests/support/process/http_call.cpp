// SPDX-License-Identifier: MIT
#include "support/process/http_call.hpp"

#include "support/patience.hpp"
#include "support/process/socket.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

namespace tap::test {

HttpAnswer http_call(std::uint16_t port, const HttpCall& call) {
  const Socket socket = Socket::connect(port);
  std::string text = call.method + " " + call.target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n";
  if (!call.body.empty()) {
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(call.body.size()) + "\r\n";
  }
  socket.send(text + call.headers + "\r\n" + call.body);
  HttpAnswer answer;
  answer.head = read_http_head(socket, answer.body);
  answer.status = std::stoi(answer.head.substr(answer.head.find(' ')));
  std::array<char, 16'384> piece;
  for (;;) {
    if (!socket.wait_readable(kPatience))
      throw std::runtime_error("the answer to " + call.target + " did not end in time");
    const auto received = socket.receive(piece);
    if (received.closed) return answer;
    answer.body.append(piece.data(), received.size);
  }
}

std::string basic_authorization(const std::string& user, const std::string& password) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string plain = user + ":" + password;
  std::string encoded;
  for (std::size_t i = 0; i < plain.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < plain.size() ? static_cast<std::uint8_t>(plain[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      encoded += i + k > plain.size() ? '=' : kDigits[bits >> (18 - 6 * k) & 63];
    }
  }
  return "Authorization: Basic " + encoded + "\r\n";
}

}  // namespace tap::test
