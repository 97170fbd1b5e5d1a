// SPDX-License-Identifier: MIT
#include "api/router.hpp"

#include <algorithm>

namespace tap::api {

struct Router::Route {
  std::string_view path;  ///< ending in a slash: whatever follows is the parameter, which is not empty
  std::string_view method;
  Task<Response> (Router::*handler)(Request);
  bool is_in_memory = false;  ///< what it answers

  [[nodiscard]] bool matches(std::string_view target) const {
    return path.ends_with('/') ? target.starts_with(path) && target != path : target == path;
  }
  [[nodiscard]] std::string allow() const { return "OPTIONS, " + std::string(method); }
};

const Router::Route Router::kRoutes[] = {
    {"/health", "GET", &Router::health, true},
    {"/channel", "GET", &Router::channel, true},
    {"/repos/add", "POST", &Router::add_repos},
    {"/repos/remove", "POST", &Router::remove_repos},
    {"/resolve/", "GET", &Router::resolve},
    {"/info/", "GET", &Router::info},
    {"/stats/repo-count", "GET", &Router::repo_count, true},
    {"/stats/record-count", "GET", &Router::record_count, true},
    {"/stats/outbox-buffer", "GET", &Router::outbox_buffer, true},
    {"/stats/resync-buffer", "GET", &Router::resync_buffer},
    {"/stats/cursors", "GET", &Router::cursors},
    {"/dead-letters", "GET", &Router::dead_letters},
    {"/dead-letters/replay", "POST", &Router::replay_dead_letters},
    {"/dead-letters/drop", "POST", &Router::drop_dead_letters},
};

Router::Router(ServerParts parts, const ServerOptions& options)
    : parts_(std::move(parts)),
      auth_(options.admin_password),
      webhook_mode_(options.webhook_mode),
      letter_turns_(parts_.loop),
      asking_(parts_.loop, options.max_asking, &parts_.metrics.queue("http_asking", options.max_asking)),
      patience_(options.request_timeout) {}

const Router::Route* Router::find(std::string_view path) {
  const auto* const found = std::ranges::find_if(kRoutes, [&](const Route& route) { return route.matches(path); });
  return found == std::end(kRoutes) ? nullptr : found;
}

std::vector<Router::Endpoint> Router::endpoints() {
  std::vector<Endpoint> all;
  for (const Route& route : kRoutes) all.push_back({route.path, route.method});
  return all;
}

Task<Response> Router::answer(Request request) {
  if (!auth_.admits(request.authorization)) co_return Auth::unauthorized();
  const Route* const route = find(request.path());
  if (route == nullptr) co_return error_response(request, 404, "Not Found");
  if (request.method == route->method) co_return co_await handle(*route, std::move(request));

  Response response =
      request.method == "OPTIONS" ? empty_response(204) : error_response(request, 405, "Method Not Allowed");
  response.headers.emplace_back("Allow", route->allow());
  co_return response;
}

Task<Response> Router::handle(const Route& route, Request request) {
  if (route.is_in_memory) co_return co_await (this->*route.handler)(std::move(request));
  const auto slot = co_await asking_.take(patience_);
  if (!slot) co_return error_response(request, 503, "too many requests wait for the database");
  co_return co_await (this->*route.handler)(std::move(request));
}

Task<Response> Router::health(Request request) { co_return json_response(request, R"({"status":"ok"})"); }

Task<Response> Router::channel(Request request) {
  if (webhook_mode_) co_return error_response(request, 400, "websocket not available in webhook mode");
  Response response = empty_response(101);
  response.upgrade = true;
  co_return response;
}

}  // namespace tap::api
