// SPDX-License-Identifier: MIT
// /repos/add, /repos/remove, /resolve/:did, /info/:did
#include "tap/base/json.hpp"
#include "tap/base/log.hpp"
#include "tap/base/text.hpp"

#include "api/did_list.hpp"
#include "api/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <span>

namespace tap::api {
namespace {

constexpr log::Logger kLog("server");
constexpr std::size_t kBatch = 5'000;  // DIDs of one write

/// The DIDs of a body, or the answer that says what is wrong with it.
std::expected<std::vector<atproto::Did>, Response> dids_of(const Request& request) {
  if (!request.has_body) return {};
  if (!request.content_type.starts_with("application/json")) {
    return std::unexpected(error_response(request, 415, "Unsupported Media Type"));
  }
  auto dids = parse_did_list(request.body);
  if (!dids) return std::unexpected(error_response(request, 400, dids.error()));
  return std::move(*dids);
}

std::vector<std::vector<atproto::Did>> batches_of(std::vector<atproto::Did> dids) {
  std::vector<std::vector<atproto::Did>> batches;
  for (std::size_t begin = 0; begin < dids.size(); begin += kBatch) {
    const std::span batch = std::span(dids).subspan(begin, std::min(kBatch, dids.size() - begin));
    batches.emplace_back(std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
  }
  return batches;
}

/// The DID behind `prefix` in the path. A client may have escaped its colons; a DID that holds escapes of its own
/// (a port of did:web) stands for itself.
std::string did_parameter(const Request& request, std::string_view prefix) {
  const std::string_view raw = request.path().substr(prefix.size());
  return atproto::is_did(raw) ? std::string(raw) : percent_decode(raw);
}

}  // namespace

Task<Response> Router::add_repos(Request request) {
  auto dids = dids_of(request);
  if (!dids) co_return std::move(dids.error());
  // Nothing to add is a mistake of the caller, a misspelt key most likely.
  if (dids->empty()) co_return error_response(request, 400, "no DIDs given");

  const std::size_t count = dids->size();
  std::size_t added = 0;
  for (auto& batch : batches_of(std::move(*dids))) {
    const auto tracked = co_await parts_.ledger.track(batch);
    if (!tracked) {
      kLog.error("failed to add repos", {{"count", batch.size()}, {"error", tracked.error().message()}});
      co_return internal_error(request);
    }
    added += *tracked;
    // To add a repo that failed asks for another try.
    for (const atproto::Did& did : batch) {
      const auto id = parts_.table.find(did.str());
      if (!id || parts_.resyncer == nullptr) continue;
      if (parts_.table.get(*id).value_or(repos::Repo{}).state != repos::State::error) continue;
      parts_.directory.purge(did);  // what it said a moment ago may be why
      parts_.resyncer->retry_now(*id);
    }
  }
  kLog.info("added dids", {{"count", count}, {"new", added}});
  co_return empty_response(200);
}

Task<Response> Router::remove_repos(Request request) {
  auto dids = dids_of(request);
  if (!dids) co_return std::move(dids.error());
  const std::size_t count = dids->size();
  for (auto& batch : batches_of(std::move(*dids))) {
    const auto removed = co_await parts_.ledger.untrack(std::move(batch));
    if (!removed) {
      kLog.error("failed to remove repos", {{"error", removed.error().message()}});
      co_return internal_error(request);
    }
  }
  kLog.info("removed dids", {{"count", count}});
  co_return empty_response(200);
}

Task<Response> Router::resolve(Request request) {
  const auto did = atproto::Did::parse(did_parameter(request, "/resolve/"));
  if (!did) co_return error_response(request, 400, "improperly formatted DID");
  const auto identity = co_await parts_.directory.lookup(*did);
  if (identity) co_return json_response(request, identity::render_document(**identity));
  if (identity.error() == identity::Errc::not_found || identity.error() == identity::Errc::tombstoned) {
    co_return error_response(request, 404, "DID not found");
  }
  kLog.warn("failed to resolve DID", {{"did", did->str()}, {"error", identity.error().message()}});
  co_return error_response(request, 500, "failed to resolve DID");
}

Task<Response> Router::info(Request request) {
  const std::string did = did_parameter(request, "/info/");
  const auto id = parts_.table.find(did);
  if (!id) co_return error_response(request, 404, "repo not found");
  const auto details = co_await parts_.reader.details(*id);
  if (!details) {
    kLog.error("failed to read repo", {{"did", did}, {"error", details.error().message()}});
    co_return error_response(request, 500, "failed to get repo");
  }
  const auto repo = parts_.table.get(*id);  // it may have gone meanwhile
  if (!*details || !repo) co_return error_response(request, 404, "repo not found");

  const std::uint64_t records = repo->head ? repo->head->records : 0;
  std::string json = "{\"did\":";
  append_json_string(json, did);
  json += ",\"error\":";
  append_json_string(json, (*details)->error);
  json += ",\"handle\":";
  append_json_string(json, (*details)->handle);
  json += fmt::format(",\"records\":{},\"retries\":{},\"rev\":\"{}\",\"state\":\"{}\"}}", records, (*details)->retries,
                      repo->head ? repo->head->rev.str() : "", repos::name(repo->state));
  co_return json_response(request, std::move(json));
}

}  // namespace tap::api
