// SPDX-License-Identifier: MIT
#include "firehose/account_status.hpp"

#include <simdjson.h>

#include <chrono>

namespace tap::firehose {
namespace {

constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr std::size_t kMostBytes = std::size_t{64} << 10;

}  // namespace

bool says_active(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(json.data(), json.size()).get(document) != simdjson::SUCCESS) return false;
  bool active = false;
  return document["active"].get(active) == simdjson::SUCCESS && active;
}

Task<Result<bool>> AccountStatus::is_active(atproto::Did did) {
  const std::string target = "/xrpc/com.atproto.sync.getRepoStatus?did=" + net::encode_query(did.str());
  auto response = co_await http_.send({.url = relay_.http().with_target(target),
                                       .headers = {{"Accept", "application/json"}},
                                       .trust = net::Trust::operator_set,
                                       .timeout = kTimeout,
                                       .max_body = kMostBytes});
  if (!response) co_return std::unexpected(response.error());
  const bool passes = response->status == 429 || response->status == 503;
  if (passes) co_return fail(net::Errc::bad_response, "HTTP " + std::to_string(response->status));
  co_return response->ok() && says_active(response->body);
}

}  // namespace tap::firehose
