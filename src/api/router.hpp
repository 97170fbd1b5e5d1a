// SPDX-License-Identifier: MIT
#pragma once

#include "tap/api/server.hpp"
#include "tap/async/slots.hpp"
#include "tap/async/turns.hpp"

#include "api/auth.hpp"
#include "api/http.hpp"
#include "api/letter_selection.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace tap::api {

/// The endpoints of protocol 11.1. Requests are values: the connection may be gone before the answer is there.
class Router {
 public:
  Router(ServerParts parts, const ServerOptions& options);
  /// Authentication, path, method, handler, in this order.
  [[nodiscard]] Task<Response> answer(Request request);

  struct Endpoint {
    std::string_view path;  ///< ending in a slash when a parameter follows
    std::string_view method;
  };
  /// All of them, for who describes them.
  [[nodiscard]] static std::vector<Endpoint> endpoints();

 private:
  struct Route;
  [[nodiscard]] Task<Response> handle(const Route& route, Request request);
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

  // handlers_dead_letters.cpp
  [[nodiscard]] Task<Response> dead_letters(Request request);
  [[nodiscard]] Task<Response> replay_dead_letters(Request request);
  [[nodiscard]] Task<Response> drop_dead_letters(Request request);
  [[nodiscard]] Task<Response> take_dead_letters(Request request, bool replay);
  [[nodiscard]] Task<Result<std::size_t>> take_selected(const LetterSelection& selection, bool replay);
  [[nodiscard]] Task<Result<outbox::EventId>> last_dead_letter();

  ServerParts parts_;
  Auth auth_;
  bool webhook_mode_;
  async::Turns letter_turns_;
  async::Slots asking_;  // of the database or the directory
  std::chrono::milliseconds patience_;
};

}  // namespace tap::api
