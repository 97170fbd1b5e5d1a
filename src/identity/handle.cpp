// SPDX-License-Identifier: MIT
#include "identity/handle.hpp"

#include "tap/async/timeout.hpp"
#include "tap/base/text.hpp"

#include <utility>

namespace tap::identity {
namespace {

using Kind = HandleAnswer::Kind;

constexpr std::string_view kTxtPrefix = "_atproto.";
constexpr std::size_t kMaxDnsName = 253;
constexpr std::size_t kMaxBody = 2'048;

/// These handles have no TXT record of their own; asking would be millions of vain questions.
bool has_dns(std::string_view handle) {
  return kTxtPrefix.size() + handle.size() <= kMaxDnsName && !handle.ends_with(".bsky.social");
}

/// Statuses that may be another one next time.
bool may_pass(int status) { return status >= 500 || status == 408 || status == 425 || status == 429; }

}  // namespace

std::optional<HandleAnswer> read_txt(const std::vector<std::string>& records) {
  std::optional<HandleAnswer> answer;
  for (std::string_view record : records) {
    if (!record.starts_with("did=")) continue;
    record.remove_prefix(4);
    if (!atproto::is_did(record)) continue;
    if (answer && answer->did != record) return HandleAnswer{Kind::none, {}};
    answer = HandleAnswer{Kind::did, std::string(record)};
  }
  return answer;
}

HandleAnswer read_well_known(const Result<net::Response>& response) {
  if (!response) {
    // A host that is not there, that we may not reach, or that sends a page instead of a DID: these are answers.
    const bool sure = response.error() == net::Errc::not_found || response.error() == net::Errc::refused_address ||
                      response.error() == net::Errc::too_large;
    return {sure ? Kind::none : Kind::unknown, {}};
  }
  if (!response->ok()) return {may_pass(response->status) ? Kind::unknown : Kind::none, {}};
  const std::string_view did = trim(response->body);
  if (!atproto::is_did(did)) return {Kind::none, {}};
  return {Kind::did, std::string(did)};
}

HandleResolver::HandleResolver(Executor loop, net::HttpClient& http, net::Resolver& resolver,
                               const DirectoryOptions& options)
    : http_(http), resolver_(resolver), options_(options), slots_(std::move(loop), options.handle_lookups) {}

Task<HandleAnswer> HandleResolver::resolve(std::string handle) {
  if (atproto::has_reserved_tld(handle)) co_return HandleAnswer{Kind::none, {}};
  const auto slot = co_await slots_.take(options_.timeout);
  if (!slot) co_return HandleAnswer{};

  bool dns_silent = false;
  if (has_dns(handle)) {
    auto records = co_await async::with_timeout(resolver_.txt(std::string(kTxtPrefix) + handle), options_.timeout);
    if (records) {
      if (auto answer = read_txt(*records)) co_return std::move(*answer);
    } else {
      dns_silent = records.error() != net::Errc::not_found;
    }
  }
  auto url = net::Url::parse("https://" + handle + "/.well-known/atproto-did");
  if (!url) co_return HandleAnswer{Kind::none, {}};
  net::Request request;
  request.url = std::move(*url);
  request.names = net::Names::handles;
  request.timeout = options_.timeout;
  request.idle = options_.timeout;
  request.max_body = kMaxBody;
  auto response = co_await http_.send(std::move(request));
  auto answer = read_well_known(response);
  // DNS has the first word: without it, a "no" is not sure.
  if (answer.kind == Kind::none && dns_silent) answer.kind = Kind::unknown;
  co_return answer;
}

}  // namespace tap::identity
