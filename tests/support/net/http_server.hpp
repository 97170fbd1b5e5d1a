// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/net/http_client.hpp"

#include "support/net/server_thread.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace tap::test {

struct HttpRequest {
  std::string method;
  std::string path;                            ///< without the query
  std::map<std::string, std::string> query;    ///< percent-decoded
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  [[nodiscard]] std::string header(const std::string& lower_case_name) const;
};

/// What goes wrong in an answer. A hang lasts until the client leaves.
enum class Fault : std::uint8_t { none, hang, hang_in_body, cut, cut_in_body };
enum class Framing : std::uint8_t { length, chunked, until_close };

/// One scripted answer.
struct Reply {
  int status = 200;
  net::Headers headers = {};
  std::string body = {};
  /// For bodies too large to hold: gives piece after piece, an empty one at the end. Such a body is chunked.
  std::function<std::string()> source = {};
  Framing framing = Framing::length;
  bool gzip = false;  ///< compresses `body` when the client accepts it
  Fault fault = Fault::none;
  std::size_t fault_at = 0;            ///< bytes of the body before the fault
  std::chrono::milliseconds pause{0};  ///< before each 16 KiB of the body
  bool keep_alive = true;
  /// Takes the connection over instead (an upgrade).
  std::function<Task<void>(std::shared_ptr<boost::asio::ip::tcp::socket>)> takeover = {};
  std::string raw = {};  ///< if given, written as it is instead of all that
};

/// {"error":name,"message":message} with a status.
[[nodiscard]] Reply xrpc_error(int status, const std::string& name, const std::string& message = {});

/// An HTTP server on a port of its own of 127.0.0.1, that answers what `handler` says; it is called on the server's
/// thread. All else is safe to call from any thread.
class HttpServer {
 public:
  using Handler = std::function<Reply(const HttpRequest&)>;
  explicit HttpServer(Handler handler);
  ~HttpServer() { thread_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// http://127.0.0.1:port
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] ServerThread& thread() { return thread_; }
  /// Accepted so far, and open now.
  [[nodiscard]] std::size_t connections();
  [[nodiscard]] std::size_t open_connections();
  [[nodiscard]] std::size_t requests();
  /// Waits until so many clients are held in a hang.
  [[nodiscard]] bool wait_for_hanging(std::size_t count);
  /// Bytes of bodies handed to the network so far: stands still when the client does not read.
  [[nodiscard]] std::size_t body_bytes();
  /// Closes every connection; a client learns of it at its next use.
  void drop_connections();

 private:
  using Socket = boost::asio::ip::tcp::socket;
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Socket> socket);
  Task<bool> answer(std::shared_ptr<Socket> connection, const HttpRequest& request, Reply reply);
  Task<bool> send_body(Socket& socket, const Reply& reply, bool chunked);
  Task<bool> send_piece(Socket& socket, std::string_view piece, bool chunked);
  Task<void> hang(Socket& socket);

  Handler handler_;
  std::uint16_t port_ = 0;
  std::size_t accepted_ = 0;
  std::size_t requests_ = 0;
  std::size_t hanging_ = 0;
  std::size_t body_bytes_ = 0;
  std::list<std::shared_ptr<Socket>> open_;  // shared with the coroutine that serves it
  ServerThread thread_;
  boost::asio::ip::tcp::acceptor acceptor_;
};

/// In the format gzip, with little care for the size.
[[nodiscard]] std::string gzip(const std::string& plain);

/// Closes with a reset, so that nothing that was sent before is sure to arrive.
void reset(boost::asio::ip::tcp::socket& socket);

}  // namespace tap::test
