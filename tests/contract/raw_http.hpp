// SPDX-License-Identifier: MIT
#pragma once

#include "support/patience.hpp"
#include "support/process/http_call.hpp"
#include "support/process/socket.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tap::test {

/// A client that sends bytes as they are, and takes answers one after the other.
class RawHttp {
 public:
  explicit RawHttp(std::uint16_t port) : socket_(Socket::connect(port)) {}

  void send(std::string_view bytes) const { socket_.send(bytes); }
  /// The next answer; `head_only` when it has no body whatever its length says.
  HttpAnswer next(bool head_only = false) {
    HttpAnswer answer;
    answer.head = read_http_head(socket_, rest_);
    answer.status = std::stoi(answer.head.substr(answer.head.find(' ')));
    const std::string length = header(answer, "Content-Length");
    const std::size_t size = length.empty() || head_only ? 0 : std::stoul(length);
    while (rest_.size() < size && more()) {
    }
    answer.body = rest_.substr(0, size);
    rest_.erase(0, answer.body.size());
    return answer;
  }
  /// Waits for the other end to close; gives what came before that.
  std::string rest() {
    while (more()) {
    }
    return rest_;
  }
  /// Empty when there is none.
  [[nodiscard]] static std::string header(const HttpAnswer& answer, const std::string& name) {
    const std::size_t at = answer.head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return answer.head.substr(begin, answer.head.find("\r\n", begin) - begin);
  }

 private:
  /// False at the end.
  bool more() {
    if (!socket_.wait_readable(kPatience)) throw std::runtime_error("tap says nothing and stays");
    std::array<char, 16'384> piece{};
    const auto received = socket_.receive(piece);
    rest_.append(piece.data(), received.size);
    return !received.closed;
  }
  Socket socket_;
  std::string rest_;
};

}  // namespace tap::test
