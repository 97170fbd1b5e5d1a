// SPDX-License-Identifier: MIT
// /dead-letters, /dead-letters/replay, /dead-letters/drop
#include "tap/base/json.hpp"
#include "tap/base/log.hpp"
#include "tap/base/text.hpp"

#include "api/letter_selection.hpp"
#include "api/router.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace tap::api {
namespace {

using outbox::DeadLetter;
using outbox::EventId;
constexpr log::Logger kLog("server");
constexpr std::size_t kPage = 500;  // letters read at once, and of one write
constexpr std::uint64_t kDefaultLimit = 100;
constexpr std::uint64_t kMostLimit = 1'000;

/// A parameter that is a number; `fallback` when it is not given, nothing when it is no number.
std::optional<std::uint64_t> number_of(const Request& request, std::string_view name, std::uint64_t fallback) {
  const auto text = request.parameter(name);
  return text ? parse_decimal<std::uint64_t>(*text) : fallback;
}

void append(std::string& json, const DeadLetter& letter) {
  const auto id = static_cast<std::uint64_t>(letter.event.id);
  json += fmt::format("{{\"id\":{},\"did\":", id);
  append_json_string(json, letter.did);
  json += fmt::format(",\"attempts\":{},\"since\":\"{:%Y-%m-%dT%H:%M:%SZ}\",\"reason\":", letter.attempts,
                      fmt::gmtime(static_cast<std::time_t>(letter.since)));
  append_json_string(json, letter.reason);
  json += fmt::format(",\"event\":{{\"id\":{}{}}}", id, letter.event.body);
}

}  // namespace

Task<Response> Router::dead_letters(Request request) {
  const auto limit = number_of(request, "limit", kDefaultLimit);
  const auto cursor = number_of(request, "cursor", 0);
  if (!limit || *limit == 0 || *limit > kMostLimit) {
    co_return error_response(request, 400, fmt::format("limit must be between 1 and {}", kMostLimit));
  }
  if (!cursor) co_return error_response(request, 400, "cursor must be a number");
  const auto page =
      co_await parts_.reader.dead_letters(request.parameter("did").value_or(""), EventId{*cursor}, *limit);
  if (!page) {
    kLog.error("failed to read dead letters", {{"error", page.error().message()}});
    co_return error_response(request, 500, "failed to get dead letters");
  }
  std::string json = "{\"dead_letters\":[";
  for (const DeadLetter& letter : *page) {
    if (&letter != &page->front()) json += ',';
    append(json, letter);
  }
  json += ']';
  if (!page->empty()) json += fmt::format(",\"cursor\":\"{}\"", static_cast<std::uint64_t>(page->back().event.id));
  json += '}';
  co_return json_response(request, std::move(json));
}

Task<Response> Router::replay_dead_letters(Request request) {
  co_return co_await take_dead_letters(std::move(request), true);
}

Task<Response> Router::drop_dead_letters(Request request) {
  co_return co_await take_dead_letters(std::move(request), false);
}

Task<Response> Router::take_dead_letters(Request request, bool replay) {
  if (request.has_body && !request.content_type.starts_with("application/json")) {
    co_return error_response(request, 415, "Unsupported Media Type");
  }
  const auto selection = parse_letter_selection(request.has_body ? request.body : "{}");
  if (!selection) co_return error_response(request, 400, selection.error());
  // One after another: what two requests name goes back once.
  auto ticket = letter_turns_.enter(0);
  co_await ticket.turn();
  const auto taken = co_await take_selected(*selection, replay);
  if (!taken) {
    kLog.error("failed to take dead letters", {{"replay", replay}, {"error", taken.error().message()}});
    co_return internal_error(request);
  }
  kLog.info(replay ? "replayed dead letters" : "dropped dead letters", {{"count", *taken}});
  co_return json_response(request, fmt::format("{{\"{}\":{}}}", replay ? "replayed" : "dropped", *taken));
}

Task<Result<std::size_t>> Router::take_selected(const LetterSelection& selection, bool replay) {
  // What becomes a dead letter anew meanwhile has an id behind the last one.
  std::size_t taken = 0;
  const auto last = co_await last_dead_letter();
  if (!last) co_return std::unexpected(last.error());
  for (EventId after{}; after < *last;) {
    auto page = co_await parts_.reader.dead_letters("", after, kPage);
    if (!page) co_return std::unexpected(page.error());
    if (page->empty()) break;
    after = page->back().event.id;
    store::DropDeadLetters drop;
    store::Write write;
    for (DeadLetter& letter : *page) {
      if (letter.event.id > *last || !selection.names(letter)) continue;
      drop.ids.push_back(letter.event.id);
      if (!replay) continue;
      write.events.push_back({letter.event.lane, letter.event.order, std::move(letter.event.body)});
    }
    if (drop.ids.empty()) continue;
    const std::size_t count = drop.ids.size();
    write.mutations.emplace_back(std::move(drop));
    if (auto written = co_await parts_.writer.commit(std::move(write)); !written) {
      co_return std::unexpected(written.error());
    }
    taken += count;
  }
  co_return taken;
}

Task<Result<EventId>> Router::last_dead_letter() {
  for (EventId last{};;) {
    const auto page = co_await parts_.reader.dead_letters("", last, kPage);
    if (!page) co_return std::unexpected(page.error());
    if (page->empty()) co_return last;
    last = page->back().event.id;
  }
}

}  // namespace tap::api
