// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace tap::test {

/// A port of 127.0.0.1 on which nobody ever says a word. Not for several threads.
class DeafHost {
 public:
  enum class At { connect, first_byte };
  /// Whether already the connection is never made, or only nothing comes on it.
  explicit DeafHost(At at);
  ~DeafHost();
  DeafHost(const DeafHost&) = delete;
  DeafHost& operator=(const DeafHost&) = delete;

  /// 127.0.0.1:port
  [[nodiscard]] std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::vector<int> sockets_;  // the one that listens, and those that fill its line
  int port_ = 0;
};

}  // namespace tap::test
