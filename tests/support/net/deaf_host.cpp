// SPDX-License-Identifier: MIT
#include "support/net/deaf_host.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace tap::test {
namespace {

constexpr int kLine = 2;  // who may wait to be accepted, besides the one that the kernel adds

int check(int result) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), "deaf host");
  return result;
}
sockaddr* plain(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

}  // namespace

DeafHost::DeafHost(At at) {
  sockets_.push_back(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  check(::bind(sockets_[0], plain(address), size));
  check(::listen(sockets_[0], at == At::connect ? kLine : SOMAXCONN));
  check(::getsockname(sockets_[0], plain(address), &size));
  port_ = ntohs(address.sin_port);
  if (at != At::connect) return;
  // Nobody is ever accepted: once the line is full, the kernel does not answer any more.
  for (int i = 0; i <= kLine; ++i) {
    sockets_.push_back(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    check(::connect(sockets_.back(), plain(address), size));
  }
}

DeafHost::~DeafHost() {
  for (const int socket : sockets_) ::close(socket);
}

}  // namespace tap::test
