// SPDX-License-Identifier: MIT
#include "store/postgres/ping.hpp"

#include "store/postgres/settings.hpp"

#include <array>
#include <libpq-fe.h>
#include <netdb.h>
#include <sys/socket.h>
#include <utility>

namespace tap::store::postgres {
namespace {

/// As a number: its name may mean another server by now, or none.
std::string address_of(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  auto* address = reinterpret_cast<sockaddr*>(&peer);
  if (::getpeername(socket, address, &size) != 0 || address->sa_family == AF_UNIX) return {};
  std::array<char, NI_MAXHOST> text{};
  const int failed = ::getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  return failed != 0 ? std::string() : std::string(text.data());
}

}  // namespace

Ping::Ping(std::string url, int socket, std::string host, std::string port)
    : url_(std::move(url)), address_(address_of(socket)), host_(std::move(host)), port_(std::move(port)) {}

bool Ping::operator()() const {
  auto settings = Settings::of(url_, "tap ping");
  if (!settings) return true;
  settings->add("host", host_);
  settings->add("hostaddr", address_);
  settings->add("port", port_);
  settings->add("target_session_attrs", "any");
  settings->add("connect_timeout", "10");
  return PQping(settings->text().c_str()) != PQPING_NO_RESPONSE;
}

}  // namespace tap::store::postgres
