// SPDX-License-Identifier: MIT
#pragma once

#include "tap/api/server.hpp"
#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"

#include "api/request_reader.hpp"
#include "api/router.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tap::api {

struct ApiMetrics {
  explicit ApiMetrics(metrics::Registry& registry);
  metrics::Gauge& connections;
  metrics::Counter& requests;
  metrics::Counter& failed_requests;  ///< answered with a status from 500 on
};

/// What all requests together hold in memory. Small ones always find room, so that nobody keeps /health from others.
class Load {
 public:
  Load(std::size_t most, std::size_t small, metrics::Gauge& gauge) : most_(most), small_(small), gauge_(gauge) {}

  /// One request's part, until its destruction.
  class Share {
   public:
    explicit Share(Load& load) : load_(load) {}
    ~Share() { load_.add(-bytes_); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    /// It holds so many bytes now; false when it is to be refused.
    [[nodiscard]] bool is(std::size_t bytes);

   private:
    Load& load_;
    std::int64_t bytes_ = 0;
  };

 private:
  void add(std::int64_t bytes);
  std::size_t most_;
  std::size_t small_;
  std::int64_t held_ = 0;
  metrics::Gauge& gauge_;
};

/// One client: its requests one after the other, each within its time. Ends by itself, or by cut().
class Connection {
 public:
  Connection(boost::asio::ip::tcp::socket socket, std::string remote, Router& router, deliver::ChannelHub& channel,
             const ServerOptions& options, ApiMetrics& metrics, Load& load);

  [[nodiscard]] Task<void> run();
  /// Now.
  void cut();
  /// After the request under way, or now when there is none.
  void finish();

 private:
  [[nodiscard]] Task<bool> wait_for_bytes(std::chrono::milliseconds limit);
  [[nodiscard]] Task<Result<bool>> receive();
  [[nodiscard]] Task<Result<bool>> read_request(Load::Share& share);
  [[nodiscard]] Task<bool> serve_one();
  [[nodiscard]] Task<void> ask_router(Request request);
  [[nodiscard]] Task<bool> is_answered_in_time(async::TaskGroup& work);
  [[nodiscard]] Task<bool> respond(const Request& request, const Response& response, bool late);
  [[nodiscard]] Task<bool> send(std::string bytes);
  [[nodiscard]] Task<void> linger();
  void write_log(const Request& request, const Response& response, std::chrono::nanoseconds latency);

  boost::asio::ip::tcp::socket socket_;
  std::string remote_;
  Router& router_;
  deliver::ChannelHub& channel_;
  const ServerOptions& options_;
  ApiMetrics& metrics_;
  Load& load_;
  RequestReader reader_;
  std::string piece_;                 // where bytes are read to
  std::optional<Response> response_;  // of the router, to the request under way
  async::Event answered_;             // or failed
  bool busy_ = false;                 // with a request
  bool last_ = false;                 // no request after the one under way
};

}  // namespace tap::api
