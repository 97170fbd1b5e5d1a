// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace tap::store::postgres {

/// Asks the server of a connection whether it answers anybody.
class Ping {
 public:
  /// `socket` is the connection's, to host and port. Of several servers that the URL may mean it is that one.
  Ping(std::string url, int socket, std::string host, std::string port);
  /// Takes 10 seconds at most. On any thread.
  [[nodiscard]] bool operator()() const;

 private:
  std::string url_;
  std::string address_;  // empty: a Unix socket
  std::string host_;
  std::string port_;
};

}  // namespace tap::store::postgres
