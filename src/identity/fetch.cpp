// SPDX-License-Identifier: MIT
#include "identity/fetch.hpp"

#include <algorithm>
#include <string>

namespace tap::identity {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/did.json";

bool is_plc_identifier(std::string_view text) {
  return text.size() == 24 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

Result<Source> plc_source(const atproto::Did& did, const net::Url& plc_url) {
  if (!is_plc_identifier(did.identifier())) return fail(Errc::not_found, "not a did:plc");
  const std::string_view base = plc_url.target;
  const std::string target = std::string(base.substr(0, base.find_last_not_of('/') + 1)) + "/" + did.str();
  return Source{plc_url.with_target(target), net::Trust::operator_set};
}

/// A host name; for tests also localhost, and with a port behind %3A.
Result<Source> web_source(const atproto::Did& did, bool allow_private_hosts) {
  const std::string_view identifier = did.identifier();
  if (atproto::is_handle(identifier) && !atproto::has_reserved_tld(identifier)) {
    auto url = net::Url::parse("https://" + std::string(identifier) + std::string(kWellKnown));
    if (!url) return fail(Errc::not_found, url.error().message());
    return Source{std::move(*url), net::Trust::untrusted};
  }
  if (!allow_private_hosts) return fail(Errc::not_found, "not a host name that a did:web may have");
  std::string authority(identifier);
  if (const auto port = authority.find("%3A"); port != std::string::npos) authority.replace(port, 3, ":");
  const bool local = authority == "localhost" || authority.starts_with("localhost:");
  auto url = net::Url::parse((local ? "http://" : "https://") + authority + std::string(kWellKnown));
  if (!url) return fail(Errc::not_found, url.error().message());
  return Source{std::move(*url), net::Trust::untrusted};
}

/// What a failed exchange says about the DID.
Error failure_of(const Error& error) {
  if (error == net::Errc::not_found || error == net::Errc::refused_address) {
    return {Errc::not_found, error.message()};
  }
  if (error == net::Errc::too_large) return {Errc::bad_document, error.message()};
  return {Errc::unavailable, error.message()};
}

Result<IdentityPtr> read_answer(const atproto::Did& did, const net::Response& response) {
  if (response.status == 404) return fail(Errc::not_found);
  if (response.status == 410) return fail(Errc::tombstoned);
  if (!response.ok()) return fail(Errc::unavailable, "HTTP " + std::to_string(response.status));
  auto identity = parse_document(did, response.body);
  if (!identity) return std::unexpected(identity.error());
  return std::make_shared<const Identity>(std::move(*identity));
}

}  // namespace

Result<Source> source_of(const atproto::Did& did, const net::Url& plc_url, bool allow_private_hosts) {
  if (did.method() == "plc") return plc_source(did, plc_url);
  if (did.method() == "web") return web_source(did, allow_private_hosts);
  return fail(Errc::unsupported_method, "did:" + std::string(did.method()));
}

Fetcher::Fetcher(Executor loop, net::HttpClient& http, const DirectoryOptions& options)
    : http_(http),
      options_(options),
      plc_slots_(loop, options.plc_fetches),
      web_slots_(std::move(loop), options.web_fetches) {}

Task<Result<IdentityPtr>> Fetcher::fetch(atproto::Did did) {
  auto source = source_of(did, options_.plc_url, options_.allow_private_hosts);
  if (!source) co_return std::unexpected(source.error());
  async::Slots& slots = source->trust == net::Trust::operator_set ? plc_slots_ : web_slots_;
  const auto slot = co_await slots.take(options_.timeout);
  if (!slot) co_return fail(Errc::unavailable, "too many look-ups at once");

  net::Request request;
  request.url = std::move(source->url);
  request.headers = {{"Accept", "application/did+ld+json, application/json"}};
  request.trust = source->trust;
  request.names = net::Names::did_web;
  request.timeout = options_.timeout;
  request.idle = options_.timeout;
  request.max_body = options_.max_document;
  auto response = co_await http_.send(std::move(request));
  if (!response) co_return std::unexpected(failure_of(response.error()));
  co_return read_answer(did, *response);
}

}  // namespace tap::identity
