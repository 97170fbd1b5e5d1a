// SPDX-License-Identifier: MIT
#include "support/process/socket.hpp"

#include "support/patience.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace tap::test {
namespace {

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

bool would_block() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Socket Socket::connect(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw_errno("connect");
  }
  const int on = 1;
  ::setsockopt(socket.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

void Socket::set_blocking(bool blocking) const {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  ::fcntl(descriptor_, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void Socket::send(std::string_view bytes) const {
  while (!bytes.empty()) bytes.remove_prefix(send_some(bytes));
}

std::size_t Socket::send_some(std::string_view bytes) const {
  const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (would_block()) return 0;
  throw_errno("send");
}

Socket::Received Socket::receive(std::span<char> into) const {
  const auto size = ::recv(descriptor_, into.data(), into.size(), 0);
  if (size > 0) return {static_cast<std::size_t>(size), false};
  if (size == 0 || errno == ECONNRESET) return {0, true};
  if (would_block()) return {};
  throw_errno("recv");
}

bool Socket::wait_readable(std::chrono::milliseconds limit) const {
  pollfd wait{descriptor_, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(limit.count())) > 0;
}

void Socket::shut_down() const { ::shutdown(descriptor_, SHUT_RDWR); }

void Socket::reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(descriptor_, -1));
}

std::string read_http_head(const Socket& socket, std::string& rest) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::array<char, 4096> piece;
  for (;;) {
    if (const std::size_t end = rest.find(kEnd); end != std::string::npos) {
      std::string head = rest.substr(0, end + kEnd.size());
      rest.erase(0, head.size());
      return head;
    }
    if (!socket.wait_readable(kPatience)) throw std::runtime_error("no HTTP answer in time");
    const auto received = socket.receive(piece);
    if (received.closed) throw std::runtime_error("the connection ended before an HTTP answer");
    rest.append(piece.data(), received.size);
  }
}

void shake_hands(const Socket& socket, std::string_view target, std::string& rest, std::string_view headers) {
  socket.send("GET " + std::string(target) +
              " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
              std::string(headers) + "\r\n");
  const std::string head = read_http_head(socket, rest);
  if (!head.starts_with("HTTP/1.1 101"))
    throw std::runtime_error("no WebSocket at " + std::string(target) + ": " + head);
}

}  // namespace tap::test
