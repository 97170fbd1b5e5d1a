// SPDX-License-Identifier: MIT
#pragma once

#include "support/loop.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace tap::test {

/// A TCP client that sees every byte. It reads all the time, unless it is told not to, while the loop runs.
class RawClient {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  RawClient(Loop& loop, Socket socket) : loop_(loop), state_(std::make_shared<State>(std::move(socket))) {}
  RawClient(Loop& loop, std::uint16_t port) : RawClient(loop, connect(loop, port)) {}
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void start_reading() { read(state_); }

  void send(std::string bytes) {
    state_->unsent.push_back(std::move(bytes));
    if (state_->unsent.size() == 1) write(state_);
  }

  /// Waits for so many bytes and takes them off.
  std::string take(std::size_t size) {
    loop_.run_until([&] { return state_->received.size() >= size || state_->closed; });
    if (state_->received.size() < size) throw std::runtime_error("closed after: " + state_->received);
    std::string front = state_->received.substr(0, size);
    state_->received.erase(0, size);
    return front;
  }
  /// Waits for this text and takes everything up to its end.
  std::string take_until(std::string_view text) {
    std::size_t found = std::string::npos;
    loop_.run_until([&] {
      found = state_->received.find(text);
      return found != std::string::npos || state_->closed;
    });
    if (found == std::string::npos) throw std::runtime_error("closed after: " + state_->received);
    return take(found + text.size());
  }
  /// Waits for the other end to close, and takes what it sent before.
  std::string take_rest() {
    loop_.run_until([&] { return state_->closed; });
    return std::exchange(state_->received, {});
  }
  [[nodiscard]] const std::string& received() const { return state_->received; }
  [[nodiscard]] bool closed() const { return state_->closed; }
  void close() {
    boost::system::error_code ignored;
    state_->socket.close(ignored);
  }
  /// Sends no more; still reads.
  void shut_sending() {
    boost::system::error_code ignored;
    state_->socket.shutdown(Socket::shutdown_send, ignored);
  }
  [[nodiscard]] Socket& socket() { return state_->socket; }

  static Socket connect(Loop& loop, std::uint16_t port) {
    Socket socket(loop.executor());
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    return socket;
  }

 private:
  struct State {
    explicit State(Socket s) : socket(std::move(s)) {}
    Socket socket;
    std::array<char, 65536> piece{};
    std::string received;
    bool closed = false;
    std::deque<std::string> unsent;
  };
  static void read(const std::shared_ptr<State>& state) {
    state->socket.async_read_some(boost::asio::buffer(state->piece),
                                  [state](boost::system::error_code error, std::size_t size) {
                                    state->received.append(state->piece.data(), size);
                                    if (error) {
                                      state->closed = true;
                                    } else {
                                      read(state);
                                    }
                                  });
  }
  static void write(const std::shared_ptr<State>& state) {
    boost::asio::async_write(state->socket, boost::asio::buffer(state->unsent.front()),
                             [state](boost::system::error_code error, std::size_t) {
                               state->unsent.pop_front();
                               if (!error && !state->unsent.empty()) write(state);
                             });
  }
  Loop& loop_;
  std::shared_ptr<State> state_;  // shared with handlers that outlive the client
};

/// Two ends of a loopback connection: the server's, and the client's.
inline std::pair<RawClient::Socket, RawClient::Socket> socket_pair(Loop& loop) {
  boost::asio::ip::tcp::acceptor acceptor(loop.executor(), {boost::asio::ip::address_v4::loopback(), 0});
  auto client = RawClient::connect(loop, acceptor.local_endpoint().port());
  return {acceptor.accept(), std::move(client)};
}

}  // namespace tap::test
