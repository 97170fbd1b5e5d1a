// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"
#include "tap/net/error.hpp"
#include "tap/net/resolver.hpp"
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
  Url url = {};
  Headers headers = {};  ///< besides Host, User-Agent, Content-Length, and Authorization from the URL's userinfo
  std::string body = {};
  Trust trust = Trust::untrusted;
  Names names = Names::pds;                   ///< of an untrusted host: with whom its name look-up may have to wait
  int redirects = 3;                          ///< how many to follow, of GET and HEAD only; 0: a 3xx is an answer
  std::chrono::milliseconds timeout{10'000};  ///< the whole exchange: resolving, redirects and the sink included
  std::chrono::milliseconds idle{30'000};     ///< for the answer to begin, and between two pieces of the body
  std::uint64_t max_body = 1 << 20;           ///< bytes of a 2xx answer after decompression
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers = {};  ///< names in lower case; of repeated ones the last
  std::string body = {};

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  /// Empty when absent.
  [[nodiscard]] const std::string& header(const std::string& lower_case_name) const;
};

/// One client for the process: keeps connections alive per origin (bounded), verifies TLS against SSL_CERT_FILE or the
/// system's store, resolves through Resolver. Loop thread only; outlives its requests.
///
/// Every answer is a result, whatever its status; an error means that there was none, or not all of it. Asks for gzip
/// and undoes it. A GET or HEAD whose kept-alive connection turns out dead is sent once more on a fresh one.
/// Redirects: credentials stay with their origin, another host is untrusted whoever asked for it, and https never leads
/// to http (bad_response). A cancelled request closes its connection.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// The whole body in memory: of a 2xx answer at most max_body, else too_large; of another the first 64 KiB.
  [[nodiscard]] virtual Task<Result<Response>> send(Request request) = 0;

  /// Hands the body of a 2xx answer to `sink` piece by piece; pieces are at most 64 KiB and valid during the call. The
  /// sink's wait is back pressure on the peer. An answer of another status is collected into Response::body as above
  /// and not given to the sink. An error from the sink ends the exchange with that error.
  using BodySink = std::function<Task<Result<void>>(ByteView piece)>;
  [[nodiscard]] virtual Task<Result<Response>> stream(Request request, BodySink sink) = 0;
};

struct ClientOptions {
  std::string user_agent = {};
  std::string ca_file = {};            ///< SSL_CERT_FILE; empty: the system's
  bool allow_private_hosts = false;    ///< switches the guard off
  std::size_t idle_connections = 256;  ///< kept alive, in all
  std::size_t idle_per_origin = 32;
};
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client(Resolver& resolver, ClientOptions options);

}  // namespace tap::net
