// SPDX-License-Identifier: MIT
#include "tap/api/server.hpp"

#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"
#include "tap/async/timeout.hpp"
#include "tap/base/log.hpp"

#include "api/connection.hpp"
#include "api/listen.hpp"

#include <boost/asio/as_tuple.hpp>

#include <exception>
#include <optional>
#include <unordered_set>

namespace tap::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr log::Logger kLog("server");
constexpr std::chrono::milliseconds kAcceptPause{200};

void report(std::string_view name, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    kLog.error("connection failed", {{"worker", name}, {"error", error.what()}});
  }
}

class HttpServer final : public Server {
 public:
  HttpServer(ServerParts parts, ServerOptions options)
      : loop_(parts.loop),
        channel_(parts.channel),
        options_(std::move(options)),
        metrics_(parts.metrics),
        load_(options_.max_held, options_.max_header, parts.metrics.queue("http_bytes", options_.max_held)),
        ended_(loop_),
        tasks_(loop_, report),
        router_(std::move(parts), options_) {}

  Result<void> listen() override {
    auto acceptor = listen_at(loop_, options_.bind);
    if (!acceptor) return std::unexpected(acceptor.error());
    acceptor_.emplace(std::move(*acceptor));
    kLog.info("listening", {{"addr", options_.bind}, {"port", port()}});
    return {};
  }

  std::uint16_t port() const override {
    boost::system::error_code error;
    const auto endpoint = acceptor_->local_endpoint(error);
    return error ? std::uint16_t{0} : endpoint.port();
  }

  Task<void> run() override {
    try {
      co_await accept_all();
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::operation_aborted) throw;
    }
    // Cancelled or not, what is open has to be waited for.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (!stopping_) cut_all();
    co_await tasks_.join();
  }

  Task<void> stop(std::chrono::milliseconds limit) override {
    stopping_ = true;
    boost::system::error_code ignored;
    if (acceptor_) acceptor_->close(ignored);
    ended_.notify_all();
    // finish() may end connections, but only their coroutines take them off the list.
    for (Connection* connection : connections_) connection->finish();
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!connections_.empty()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0 || !co_await ended_.wait_for(left)) break;
    }
    cut_all();
    co_await tasks_.join();
  }

 private:
  Task<void> accept_all() {
    while (!stopping_) {
      if (connections_.size() >= options_.max_connections) {
        co_await ended_.wait();
        continue;
      }
      auto [error, socket] = co_await acceptor_->async_accept(asio::as_tuple(asio::use_awaitable));
      if (stopping_) co_return;
      if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
      if (error) {
        // Out of descriptors, mostly: to try again at once would be a spin.
        kLog.warn("cannot accept a connection", {{"error", error.message()}});
        co_await async::sleep_for(kAcceptPause);
        continue;
      }
      begin(std::move(socket));
    }
  }

  void begin(tcp::socket socket) {
    boost::system::error_code error;
    const auto remote = socket.remote_endpoint(error);
    if (error) return;  // gone already
    socket.set_option(tcp::no_delay(true), error);
    auto address = remote.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    auto connection = std::make_unique<Connection>(std::move(socket), address.to_string(), router_, channel_, options_,
                                                   metrics_, load_);
    connections_.insert(connection.get());
    metrics_.connections.set(static_cast<std::int64_t>(connections_.size()));
    tasks_.spawn("connection", serve(std::move(connection)));
  }

  Task<void> serve(std::unique_ptr<Connection> connection) {
    struct Leave {
      HttpServer& server;
      Connection* connection;
      ~Leave() {
        server.connections_.erase(connection);
        server.metrics_.connections.set(static_cast<std::int64_t>(server.connections_.size()));
        server.ended_.notify_all();
      }
    } leave{*this, connection.get()};
    co_await connection->run();
  }

  void cut_all() {
    for (Connection* connection : connections_) connection->cut();
  }

  Executor loop_;
  deliver::ChannelHub& channel_;
  ServerOptions options_;
  ApiMetrics metrics_;
  Load load_;
  std::optional<tcp::acceptor> acceptor_;
  std::unordered_set<Connection*> connections_;
  bool stopping_ = false;
  async::Event ended_;  // a connection, or the accepting of them
  async::TaskGroup tasks_;
  Router router_;
};

}  // namespace

std::unique_ptr<Server> make_server(ServerParts parts, ServerOptions options) {
  return std::make_unique<HttpServer>(std::move(parts), std::move(options));
}

}  // namespace tap::api
