// SPDX-License-Identifier: MIT
#include "store/postgres/ping.hpp"

#include <gtest/gtest.h>

#include <array>
#include <netinet/in.h>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <tuple>
#include <unistd.h>

namespace tap::store::postgres {
namespace {

/// A server on loopback that refuses whoever comes, and so is there.
class RefusingServer {
 public:
  RefusingServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)), client_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, generic, size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, generic, &size), 0);
    port_ = std::to_string(ntohs(address.sin_port));
    EXPECT_EQ(::connect(client_, generic, size), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~RefusingServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(client_);
    ::close(listener_);
  }
  RefusingServer(const RefusingServer&) = delete;
  RefusingServer& operator=(const RefusingServer&) = delete;
  /// Of somebody who is connected to it.
  [[nodiscard]] int client() const { return client_; }
  [[nodiscard]] const std::string& port() const { return port_; }

 private:
  void serve() const {
    using namespace std::string_view_literals;
    constexpr std::string_view kFields = "SFATAL\0VFATAL\0C28000\0Mno\0\0"sv;
    std::string refusal = "E";
    for (const int shift : {24, 16, 8, 0}) refusal += static_cast<char>((kFields.size() + 4) >> shift);
    refusal += kFields;
    // The first who comes is the one that is connected, and says nothing.
    ::close(::accept(listener_, nullptr, nullptr));
    for (int peer = 0; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
      std::array<char, 1'024> startup{};
      if (::recv(peer, startup.data(), startup.size(), 0) <= 0) continue;
      std::ignore = ::send(peer, refusal.data(), refusal.size(), MSG_NOSIGNAL);
    }
  }

  int listener_;
  int client_;
  std::string port_;
  std::thread thread_;
};

TEST(Ping, AsksTheServerOfTheConnectionWhateverItsNameMeansByNow) {
  const RefusingServer server;
  const Ping ping("postgresql://name.invalid/x?sslmode=disable&gssencmode=disable", server.client(), "name.invalid",
                  server.port());
  EXPECT_TRUE(ping());
}

TEST(Ping, HearsThatNobodyIsThere) {
  std::string port;
  {
    const RefusingServer server;
    port = server.port();
  }
  const Ping ping("postgresql://127.0.0.1/x?sslmode=disable&gssencmode=disable", -1, "127.0.0.1", port);
  EXPECT_FALSE(ping());
}

}  // namespace
}  // namespace tap::store::postgres
