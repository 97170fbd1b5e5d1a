// SPDX-License-Identifier: MIT
#include "resync/fetch.hpp"

#include "tap/atproto/car.hpp"
#include "tap/resync/error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace tap::resync {
namespace {

using std::chrono::seconds;

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> http_date_of(const std::string& text) {
  std::tm date{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&date);
}

/// The error in the words of protocol 10: name and message left out when missing.
Error api_error(const net::Response& response) {
  std::string text = "API request failed (HTTP " + std::to_string(response.status) + ")";
  std::string name;
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_object()) {
    if (const auto it = body.find("error"); it != body.end() && it->is_string()) name = it->get<std::string>();
    if (!name.empty()) text += ": " + name;
    if (const auto it = body.find("message"); it != body.end() && it->is_string())
      text += ": " + it->get<std::string>();
  }
  // The name decides before the status: the reference PDS answers 400 to all of them (protocol 10.1).
  const bool named =
      name == "RepoNotFound" || name == "RepoTakendown" || name == "RepoSuspended" || name == "RepoDeactivated";
  const bool refused = named || response.status == 403 || response.status == 404;
  return {response.status == 429 ? Errc::rate_limited
          : refused              ? Errc::refused
                                 : Errc::request_failed,
          std::move(text)};
}

}  // namespace

std::optional<seconds> pause_of(const net::Response& response, WallTime now) {
  const std::int64_t unix_now = std::chrono::floor<seconds>(now).time_since_epoch().count();
  const std::string& after = response.header("retry-after");
  std::optional<std::int64_t> wait = number_of(after);
  if (!wait) {
    if (const auto date = http_date_of(after)) wait = *date - unix_now;
  }
  if (!wait) {
    if (const auto reset = number_of(response.header("ratelimit-reset"))) wait = *reset - unix_now;
  }
  if (!wait) return std::nullopt;
  return seconds(std::clamp<std::int64_t>(*wait, 1, 3600));
}

Task<Result<Fetched>> fetch_repo(net::HttpClient& http, async::CpuPool& cpu, std::string pds, atproto::Did did,
                                 FetchOptions options, WallTime now, Pause& pause) {
  auto url = net::Url::parse(pds + "/xrpc/com.atproto.sync.getRepo?did=" + net::encode_query(did.str()));
  if (!url) co_return fail(Errc::no_pds, url.error().message());

  auto blocks = std::make_unique<BlockFile>(options.temporary_directory);
  atproto::car::Parser parser({.total = options.max_bytes},
                              [&blocks](const atproto::Cid& cid, ByteView data) { return blocks->put(cid, data); });
  net::Request request{.url = std::move(*url),
                       .headers = {{"Accept", "application/vnd.ipld.car"}},
                       .timeout = options.timeout,
                       .idle = options.idle,
                       .max_body = options.max_bytes};
  auto feed = [&](ByteView piece) -> Task<Result<void>> {
    Bytes copy(piece.begin(), piece.end());
    co_return co_await cpu.run([&parser, bytes = std::move(copy)] { return parser.feed(bytes); });
  };
  auto response = co_await http.stream(std::move(request), feed);
  if (!response) {
    // What the CAR parser or the disk says stays as it is; the network's words are put in ours.
    const bool network = response.error().code().category() == net::make_error_code(net::Errc::cut).category();
    if (network) co_return fail(Errc::request_failed, response.error().message());
    co_return std::unexpected(response.error());
  }
  if (!response->ok()) {
    if (response->status == 429) pause.length = pause_of(*response, now);
    co_return std::unexpected(api_error(*response));
  }
  if (auto finished = parser.finish(); !finished) co_return std::unexpected(finished.error());
  co_return Fetched{*parser.root(), std::move(blocks)};
}

}  // namespace tap::resync
