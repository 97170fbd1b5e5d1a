// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include "support/net/server_thread.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tap::test {

/// A DNS server on a port of 127.0.0.1 that knows TXT records; names that nobody told it do not exist. Records that do
/// not fit the datagram, of 512 bytes or what the query announces, are cut off; over TCP it is silent. Safe to call
/// from any thread.
class DnsServer {
 public:
  using Strings = std::vector<std::string>;  ///< of one record, each at most 255 bytes

  DnsServer();
  ~DnsServer() { thread_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void set_txt(const std::string& name, std::vector<Strings> records);
  /// Never answers.
  void set_silent(const std::string& name);
  /// Answers with this code and no records: 2 is SERVFAIL, 3 NXDOMAIN, 0 a name without TXT.
  void set_code(const std::string& name, int code);
  /// Answers with a record whose strings run over its end.
  void set_malformed(const std::string& name);
  /// From now on it refuses queries that use EDNS0 with this code, or does not answer them.
  void refuse_edns(std::optional<int> code);
  [[nodiscard]] std::size_t queries(const std::string& name);

 private:
  struct Answer {
    int code = 0;
    std::vector<Strings> records = {};
    bool silent = false;
    bool malformed = false;
  };
  Task<void> serve();
  [[nodiscard]] std::string answer(ByteView query);

  std::map<std::string, Answer> answers_;
  std::map<std::string, std::size_t> queries_;
  bool knows_edns_ = true;
  std::optional<int> edns_refusal_;
  ServerThread thread_;
  boost::asio::ip::tcp::acceptor listener_;  // takes connections, and nothing from them
  std::uint16_t port_;
  boost::asio::ip::udp::socket socket_;
};

}  // namespace tap::test
