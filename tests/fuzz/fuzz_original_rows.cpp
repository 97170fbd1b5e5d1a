// SPDX-License-Identifier: MIT
// Rows of the original's database, of any content: what we make of them fits our own rules. Eight bytes of our time,
// two numbers of eight, then texts behind their lengths.
#include "tap/base/json_scanner.hpp"
#include "tap/base/utf8.hpp"

#include "fuzz/fuzz.hpp"
#include "store/original/mapping.hpp"

#include <array>

using namespace tap;
using namespace std::chrono_literals;
namespace original = store::original;

namespace {

constexpr std::size_t kLongestError = 1'000;
constexpr std::uint64_t kCentury = 3'155'760'000'000'000;  // microseconds

void check_repo(const original::RepoRow& row, WallTime now) {
  const auto repo = original::map_repo(row, now);
  fuzz::require(repo.has_value() == atproto::is_did(row.did));
  if (!repo) return;
  fuzz::require(repo->did.str() == row.did);
  fuzz::require(repo->state != repos::State::resyncing);
  fuzz::require(repo->state != repos::State::active || (repo->head && repo->error.empty()));
  fuzz::require(repo->flaw.empty() || repo->state == repos::State::desynchronized);
  if (repo->head)
    fuzz::require(repo->head->rev.micros() <= static_cast<std::uint64_t>((now + 5min).time_since_epoch().count()));
  fuzz::require(repo->handle.empty() ? repo->handle_due : atproto::is_handle(repo->handle));
  fuzz::require(repo->error.size() <= kLongestError && (is_utf8(repo->error) || !is_utf8(row.error)));
  const WallTime retry{std::chrono::seconds(repo->retry_after)};
  fuzz::require(repo->retry_after >= 0 && retry <= now + 24h);
}

/// Whether a text is one JSON value and nothing else.
bool is_json(std::string_view text) {
  JsonScanner scanner(text);
  auto token = scanner.next();
  while (token != JsonScanner::Token::end && token != JsonScanner::Token::error) token = scanner.next();
  return token == JsonScanner::Token::end && scanner.offset() == text.size();
}

void check_event(const original::EventRow& row) {
  const original::Event event = original::map_event(row);
  if (const auto record = original::record_of(row)) {
    fuzz::require(atproto::is_nsid(record->collection) && atproto::is_rkey(record->rkey));
  }
  if (!event.flaw.empty()) return;
  fuzz::require(event.id == outbox::EventId{static_cast<std::uint64_t>(row.id)});
  fuzz::require(event.draft.lane == outbox::lane_of(row.did));
  fuzz::require(is_utf8(event.draft.body) && is_json("{\"id\":1" + event.draft.body));
}

void check_record(const original::RecordRow& row) {
  const auto record = original::map_record(row);
  if (!record) return;
  fuzz::require(record->change.collection == row.collection && record->change.rkey == row.rkey);
  fuzz::require(record->flaw.empty() == (record->change.cid->str() == row.cid) ||
                record->change.cid == original::unknown_content());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const WallTime now{std::chrono::microseconds(input.word() % kCentury)};
  const auto first = static_cast<std::int64_t>(input.word());
  const auto second = static_cast<std::int64_t>(input.word());
  std::array<std::string_view, 6> texts;
  for (std::string_view& text : texts) text = input.text();
  const std::string_view rest = as_text(input.rest());  // may be long

  check_repo({.did = texts[0],
              .state = texts[1],
              .status = texts[2],
              .handle = texts[3],
              .rev = texts[4],
              .prev_data = texts[5],
              .error = rest,
              .retries = first,
              .retry_after = second},
             now);
  check_record({.did = texts[0], .collection = texts[1], .rkey = texts[2], .cid = texts[3]});
  check_event({.id = first, .live = second % 2 == 0, .did = texts[0], .data = rest});
  (void)original::is_news({.head = atproto::Tid::parse(texts[4]).value_or(atproto::Tid()), .beginning = rest});
  const auto free = static_cast<std::uint64_t>(original::first_free({.left = first, .given = second}));
  fuzz::require(free > 0 && free < std::uint64_t{1} << 54);
  return 0;
}
