// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"
#include "tap/net/error.hpp"
#include "tap/net/url.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tap::net {

/// Whom a request may reach. `untrusted` is for URLs out of other people's documents: the guard of protocol 9.8 judges
/// the resolved address of every connection, redirects included. `operator_set` is for the operator's own URLs.
enum class Trust : std::uint8_t { untrusted, operator_set };

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  Url url;
  Headers headers;  ///< besides Host and User-Agent
  std::string body;
  Trust trust = Trust::untrusted;
  int redirects = 3;                          ///< how many to follow; 0: a 3xx is an answer like any other
  std::chrono::milliseconds timeout{10'000};  ///< the whole exchange, resolving included
  std::chrono::milliseconds idle{30'000};     ///< between two pieces of the body
  std::uint64_t max_body = 1 << 20;           ///< bytes after decompression
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case; of repeated ones the last
  std::string body;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  /// Empty when absent.
  [[nodiscard]] const std::string& header(const std::string& lower_case_name) const;
};

/// One client for the process: keeps connections alive per origin (bounded), verifies TLS against SSL_CERT_FILE or the
/// system's store, resolves through Resolver. Loop thread only.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// The whole body in memory, at most max_body.
  [[nodiscard]] virtual Task<Result<Response>> send(Request request) = 0;

  /// Hands the body of a 2xx answer to `sink` piece by piece (gzip undone); pieces are valid during the call. The
  /// sink's wait is back pressure on the peer. An answer of another status is collected into Response::body (at most 64
  /// KiB) and not given to the sink. An error from the sink ends the exchange with that error.
  using BodySink = std::function<Task<Result<void>>(ByteView piece)>;
  [[nodiscard]] virtual Task<Result<Response>> stream(Request request, BodySink sink) = 0;
};

class Resolver;
struct ClientOptions {
  std::string user_agent;
  std::string ca_file;               ///< SSL_CERT_FILE; empty: the system's
  bool allow_private_hosts = false;  ///< switches the guard off
  std::size_t idle_connections = 256;
};
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client(Executor loop, Resolver& resolver, ClientOptions options);

}  // namespace tap::net
