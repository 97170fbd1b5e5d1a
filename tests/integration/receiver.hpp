// SPDX-License-Identifier: MIT
#pragma once

#include "support/net/http_server.hpp"
#include "support/process/events.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tap::test {

/// A receiver of a webhook: what it is sent and takes goes into the log, as with a consumer.
class Receiver {
 public:
  using Answer = std::function<Reply(const HttpRequest&)>;

  explicit Receiver(EventLog& log) : log_(log), server_([this](const HttpRequest& request) { return take(request); }) {}
  [[nodiscard]] std::string url() const { return server_.url() + "/hook?key=1"; }
  [[nodiscard]] HttpServer& server() { return server_; }
  /// From now on it answers like this.
  void answer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  [[nodiscard]] HttpRequest last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  [[nodiscard]] std::vector<std::string> paths() const {
    const std::lock_guard lock(mutex_);
    return paths_;
  }

 private:
  Reply take(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    last_ = request;
    paths_.push_back(request.method + " " + request.path);
    Reply reply = answer_ ? answer_(request) : Reply{};
    if (reply.status / 100 == 2 && reply.fault == Fault::none) log_.add(Event::parse(request.body));
    return reply;
  }

  EventLog& log_;
  mutable std::mutex mutex_;  // guards what follows: the server's thread calls take()
  Answer answer_;
  HttpRequest last_;
  std::vector<std::string> paths_;
  HttpServer server_;  // last: it ends first
};

}  // namespace tap::test
