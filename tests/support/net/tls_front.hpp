// SPDX-License-Identifier: MIT
#pragma once

#include "support/net/server_thread.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace tap::test {

/// A self-signed certificate and its key, made on the spot. Names are "DNS:example.test" or "IP:127.0.0.1".
struct Certificate {
  std::string certificate_pem;
  std::string key_pem;
};
[[nodiscard]] Certificate make_certificate(const std::string& subject_alternative_name);

/// Puts TLS in front of a plain server: what it decrypts goes to `to_port`, what comes back is encrypted.
class TlsFront {
 public:
  struct Options {
    bool only_tls_1_1 = false;
    bool no_goodbye = false;  ///< cuts TCP at the end without a TLS close
  };
  TlsFront(const Certificate& certificate, std::uint16_t to_port) : TlsFront(certificate, to_port, Options()) {}
  TlsFront(const Certificate& certificate, std::uint16_t to_port, Options options);
  ~TlsFront() { thread_.stop(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// The server name that the last client asked for.
  [[nodiscard]] std::string last_server_name();

 private:
  struct Pair;
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Pair> pair);
  Task<void> encrypt(std::shared_ptr<Pair> pair);

  std::uint16_t to_port_;
  std::uint16_t port_ = 0;
  Options options_;
  std::string last_server_name_;
  ServerThread thread_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace tap::test
