// SPDX-License-Identifier: MIT
// /stats/*: from memory, wherever the number is kept.
#include "tap/base/json.hpp"
#include "tap/base/log.hpp"

#include "api/router.hpp"

#include <fmt/format.h>

namespace tap::api {
namespace {

constexpr log::Logger kLog("server");

}  // namespace

Task<Response> Router::repo_count(Request request) {
  co_return json_response(request, fmt::format(R"({{"repo_count":{}}})", parts_.table.size()));
}

Task<Response> Router::record_count(Request request) {
  co_return json_response(request, fmt::format(R"({{"record_count":{}}})", parts_.table.records()));
}

Task<Response> Router::outbox_buffer(Request request) {
  co_return json_response(request, fmt::format(R"({{"outbox_buffer":{}}})", parts_.outbox.size()));
}

Task<Response> Router::resync_buffer(Request request) {
  const auto count = co_await parts_.reader.buffered_count();
  if (count) co_return json_response(request, fmt::format(R"({{"resync_buffer":{}}})", *count));
  kLog.error("failed to count buffered commits", {{"error", count.error().message()}});
  co_return error_response(request, 500, "failed to get resync buffer size");
}

Task<Response> Router::cursors(Request request) {
  const auto cursor = co_await parts_.list_repos_cursor();
  if (!cursor) {
    kLog.error("failed to read the list repos cursor", {{"error", cursor.error().message()}});
    co_return error_response(request, 500, "failed to get list repos cursor");
  }
  std::string json = fmt::format(R"({{"firehose":{},"list_repos":)", parts_.firehose_seq());
  append_json_string(json, *cursor);
  json += '}';
  co_return json_response(request, std::move(json));
}

}  // namespace tap::api
