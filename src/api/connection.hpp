// SPDX-License-Identifier: MIT
#pragma once

#include "tap/api/server.hpp"

#include "api/request_reader.hpp"
#include "api/router.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <string>

namespace tap::api {

struct ApiMetrics {
  explicit ApiMetrics(metrics::Registry& registry);
  metrics::Gauge& connections;
  metrics::Counter& requests;
  metrics::Counter& failed_requests;  ///< answered with a status from 500 on
};

/// One client: its requests one after the other, each within its time. Ends by itself, or by cut().
class Connection {
 public:
  Connection(boost::asio::ip::tcp::socket socket, std::string remote, Router& router, deliver::ChannelHub& channel,
             const ServerOptions& options, ApiMetrics& metrics);

  [[nodiscard]] Task<void> run();
  /// Now.
  void cut();
  /// After the request under way, or now when there is none.
  void finish();

 private:
  [[nodiscard]] Task<bool> wait_for_bytes(std::chrono::milliseconds limit);
  [[nodiscard]] Task<Result<bool>> receive();
  [[nodiscard]] Task<Result<bool>> read_request();
  [[nodiscard]] Task<bool> serve_one();
  [[nodiscard]] Task<bool> send(std::string bytes);
  [[nodiscard]] Task<void> linger();
  void write_log(const Request& request, const Response& response, std::chrono::nanoseconds latency);

  boost::asio::ip::tcp::socket socket_;
  std::string remote_;
  Router& router_;
  deliver::ChannelHub& channel_;
  const ServerOptions& options_;
  ApiMetrics& metrics_;
  RequestReader reader_;
  std::string piece_;  // where bytes are read to
  bool busy_ = false;  // with a request
  bool last_ = false;  // no request after the one under way
};

}  // namespace tap::api
