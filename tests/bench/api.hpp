// SPDX-License-Identifier: MIT
#pragma once

#include "bench/socket.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tap::bench {

/// A client of Tap's HTTP API on a kept connection. An answer other than 200 is thrown.
class Api {
 public:
  explicit Api(std::uint16_t port) : port_(port) {}

  /// In requests of at most 1,000 DIDs.
  void add(const std::vector<std::string>& dids);
  /// "pending", "active", ... of a tracked repo.
  [[nodiscard]] std::string state(const std::string& did);
  void health() { request("GET", "/health"); }
  /// Events that are not acked yet.
  [[nodiscard]] std::uint64_t undelivered();
  [[nodiscard]] std::uint64_t records();

 private:
  std::string request(std::string_view method, const std::string& target, const std::string& body = {});
  /// Anew when the last use is so long ago that Tap may have closed it.
  void connect();
  std::uint16_t port_;
  Socket socket_;
  std::chrono::steady_clock::time_point used_{};
  std::string received_;
};

/// Asks every few milliseconds until the condition holds; false when it does not in time.
[[nodiscard]] bool wait_until(const std::function<bool()>& condition, std::chrono::seconds limit);

}  // namespace tap::bench
