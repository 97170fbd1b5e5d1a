// SPDX-License-Identifier: MIT
#include "resync/fetch.hpp"

#include "tap/atproto/car.hpp"
#include "tap/base/utf8.hpp"
#include "tap/net/retry_after.hpp"
#include "tap/resync/error.hpp"

#include <nlohmann/json.hpp>

namespace tap::resync {
namespace {

using std::chrono::seconds;
constexpr int kTooManyRequests = 429;
/// So much of a repo is hashed on the loop: it takes less time than to wake a thread, and stays in memory.
constexpr std::size_t kSmallRepo = std::size_t{8} << 10;
constexpr std::size_t kLongestText = 1'000;  // of a stranger's, in /info and in the database

bool names_a_refusal(std::string_view name) {
  return name == "RepoNotFound" || name == "RepoTakendown" || name == "RepoSuspended" || name == "RepoDeactivated";
}

}  // namespace

Error api_error(const net::Response& response) {
  std::string text = "API request failed (HTTP " + std::to_string(response.status) + ")";
  std::string name;
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_object()) {
    if (const auto it = body.find("error"); it != body.end() && it->is_string()) name = it->get<std::string>();
    if (!name.empty()) text += ": " + name;
    if (const auto it = body.find("message"); it != body.end() && it->is_string()) {
      text += ": " + it->get<std::string>();
    }
  }
  text.resize(utf8_prefix(text, kLongestText).size());
  if (response.status == kTooManyRequests) return {Errc::rate_limited, std::move(text)};
  // The name decides before the status: the reference PDS answers 400 to all of them (protocol 10.1).
  const bool refused = names_a_refusal(name) || response.status == 403 || response.status == 404;
  return {refused ? Errc::refused : Errc::request_failed, std::move(text)};
}

Error network_error(const Error& error) {
  for (const net::Errc refused : {net::Errc::refused_address, net::Errc::too_large}) {
    if (error == refused) return {Errc::refused, error.message()};
  }
  for (const net::Errc answered : {net::Errc::cut, net::Errc::bad_response, net::Errc::too_many_redirects}) {
    if (error == answered) return {Errc::request_failed, error.message()};
  }
  return {Errc::unreachable, error.message()};
}

Fetcher::Fetcher(net::HttpClient& http, async::CpuPool& cpu, const Clock& clock, metrics::Registry& metrics,
                 FetchOptions options)
    : http_(http),
      cpu_(cpu),
      clock_(clock),
      options_(std::move(options)),
      index_(metrics, "resync_index_bytes", options_.index_bytes),
      files_(metrics, "resync_file_bytes", options_.file_bytes),
      bytes_(metrics.counter("tap_resync_fetched_bytes_total", "Bytes of repos that came from PDSes")) {}

Task<Fetcher::Answer> Fetcher::fetch(std::string pds, atproto::Did did) {
  auto url = net::Url::parse(pds + "/xrpc/com.atproto.sync.getRepo?did=" + net::encode_query(did.str()));
  if (!url) co_return Answer{fail(Errc::no_pds, url.error().message()), {}};
  Answer answer{fail(Errc::request_failed), {}};
  answer.repo = co_await stream(std::move(*url), answer.pause);
  co_return answer;
}

Task<Result<Fetched>> Fetcher::stream(net::Url url, std::optional<seconds>& pause) {
  auto blocks = std::make_unique<BlockFile>(
      options_.temporary_directory, BlockLimits{.blocks = options_.max_blocks, .index = &index_, .file = &files_});
  atproto::car::Parser parser({.total = options_.max_bytes},
                              [&blocks](const atproto::Cid& cid, ByteView data) { return blocks->put(cid, data); });
  net::Request request{.url = std::move(url),
                       .headers = {{"Accept", "application/vnd.ipld.car"}},
                       .timeout = options_.timeout,
                       .idle = options_.idle,
                       .max_body = options_.max_bytes};
  // The piece stays valid until the job is done: the client waits for it, and the job cannot be cancelled.
  std::size_t received = 0;
  auto feed = [&](ByteView piece) -> Task<Result<void>> {
    bytes_.add(piece.size());
    received += piece.size();
    if (received <= kSmallRepo) co_return parser.feed(piece);
    co_return co_await cpu_.run([&parser, piece] { return parser.feed(piece); });
  };
  auto response = co_await http_.stream(std::move(request), feed);
  if (!response) {
    // What the CAR parser or the disk says stays as it is; the network's words are put in ours.
    const bool network = response.error().code().category() == net::make_error_code(net::Errc::cut).category();
    co_return std::unexpected(network ? network_error(response.error()) : response.error());
  }
  if (!response->ok()) {
    if (response->status == kTooManyRequests) pause = net::pause_of(*response, clock_.wall());
    co_return std::unexpected(api_error(*response));
  }
  if (auto finished = parser.finish(); !finished) co_return std::unexpected(finished.error());
  co_return Fetched{*parser.root(), std::move(blocks)};
}

}  // namespace tap::resync
