// SPDX-License-Identifier: MIT
#pragma once

#include "tap/api/server.hpp"

#include "api/auth.hpp"
#include "api/http.hpp"

#include <string>
#include <string_view>

namespace tap::api {

/// The endpoints of protocol 11.1. Requests are values: the connection may be gone before the answer is there.
class Router {
 public:
  Router(ServerParts parts, const ServerOptions& options);
  /// Authentication, path, method, handler, in this order.
  [[nodiscard]] Task<Response> answer(Request request);

 private:
  struct Route;
  static const Route kRoutes[];
  [[nodiscard]] static const Route* find(std::string_view path);

  [[nodiscard]] Task<Response> health(Request request);
  [[nodiscard]] Task<Response> channel(Request request);
  // handlers_repos.cpp
  [[nodiscard]] Task<Response> add_repos(Request request);
  [[nodiscard]] Task<Response> remove_repos(Request request);
  [[nodiscard]] Task<Response> resolve(Request request);
  [[nodiscard]] Task<Response> info(Request request);
  // handlers_stats.cpp
  [[nodiscard]] Task<Response> repo_count(Request request);
  [[nodiscard]] Task<Response> record_count(Request request);
  [[nodiscard]] Task<Response> outbox_buffer(Request request);
  [[nodiscard]] Task<Response> resync_buffer(Request request);
  [[nodiscard]] Task<Response> cursors(Request request);

  ServerParts parts_;
  Auth auth_;
  bool webhook_mode_;
};

}  // namespace tap::api
