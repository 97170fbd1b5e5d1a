// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include "support/net/http_server.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>

namespace tap::test {

/// Answers by key, scripted: first those that were told for once, in order, then the standing one, then the host's own.
class Script {
 public:
  void once(const std::string& key, Reply reply, std::size_t times) {
    auto& queue = once_[key];
    queue.insert(queue.end(), times, reply);
  }
  void always(const std::string& key, Reply reply) { always_.insert_or_assign(key, std::move(reply)); }
  /// Counts the request. 404 for what nobody told.
  [[nodiscard]] Reply take(const std::string& key, const std::function<Reply()>& otherwise);
  [[nodiscard]] std::size_t asked(const std::string& key) const;

 private:
  std::map<std::string, std::deque<Reply>> once_;
  std::map<std::string, Reply> always_;
  std::map<std::string, std::size_t> asked_;
};

/// A PDS: getRepo by DID, and handles at /.well-known/atproto-did by Host. Safe to call from any thread.
class PdsServer {
 public:
  PdsServer();
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] HttpServer& server() { return server_; }

  /// Served chunked, compressed when `gzip` and the client accepts it.
  void set_repo(const std::string& did, ByteView car, bool gzip = false);
  /// For repos too large to hold: each request gets a generator of its own, whose pieces end with an empty one.
  void set_repo_source(const std::string& did, std::function<std::function<std::string()>()> make_source);
  /// From now on it is answered like this instead: see xrpc_error and Fault.
  void set_answer(const std::string& did, Reply reply);
  /// Only the next `times` requests for this DID.
  void answer(const std::string& did, Reply reply, std::size_t times = 1);
  /// The next `times` requests for any DID.
  void answer_any(Reply reply, std::size_t times = 1);
  /// The body of /.well-known/atproto-did for this Host header (with its port, if it has one).
  void set_well_known(const std::string& host, const std::string& body);
  /// How often this DID's repo was asked for.
  [[nodiscard]] std::size_t requests(const std::string& did);

 private:
  Reply on_request(const HttpRequest& request);
  Script script_;
  std::map<std::string, std::function<std::function<std::string()>()>> sources_;
  std::deque<Reply> for_any_;
  HttpServer server_;  // last: it calls on_request
};

/// plc.directory: GET /{did}. Safe to call from any thread.
class PlcServer {
 public:
  PlcServer();
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] HttpServer& server() { return server_; }

  void set_document(const std::string& did, const std::string& json);
  /// The next `times` requests for this DID are answered like this instead.
  void answer(const std::string& did, Reply reply, std::size_t times = 1);
  /// All requests, until the next call with nothing: an outage.
  void answer_all(std::optional<Reply> reply);
  [[nodiscard]] std::size_t requests(const std::string& did);

 private:
  Reply on_request(const HttpRequest& request);
  Script script_;
  std::optional<Reply> for_all_;
  HttpServer server_;  // last: it calls on_request
};

}  // namespace tap::test
