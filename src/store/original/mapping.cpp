// SPDX-License-Identifier: MIT
#include "store/original/mapping.hpp"

#include "tap/base/json_scanner.hpp"
#include "tap/base/text.hpp"
#include "tap/base/utf8.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace tap::store::original {
namespace {

using namespace std::chrono_literals;
using repos::Account;
using repos::State;
using Token = JsonScanner::Token;

/// As verify::is_future has it. A head beyond would hide every honest commit, for the original believed any date.
constexpr auto kFutureTolerance = 5min;
/// The original waits 61 minutes at most.
constexpr auto kLongestRetry = 24h;
constexpr std::size_t kLongestError = 1'000;
/// From here on JavaScript does not tell numbers apart.
constexpr std::int64_t kEventLimit = std::int64_t{1} << 53;
constexpr std::int64_t kFarAbove = 1'000'000'000'000;

std::optional<State> state_of(std::string_view text) {
  if (text == "resyncing") return State::desynchronized;  // its fetch ended with the original
  return repos::parse_state(text);
}

std::optional<Account> account_of(std::string_view text) {
  const auto account = repos::parse_account(text);
  // Those are never kept by the original: a deleted account's row goes away.
  if (account == Account::deleted || account == Account::inactive) return std::nullopt;
  return account;
}

/// Sets the flaw when there is something that is no head.
std::optional<repos::Head> head_of(const RepoRow& row, WallTime now, std::string_view& flaw) {
  if (row.rev.empty() && row.prev_data.empty()) return std::nullopt;
  const auto rev = atproto::Tid::parse(row.rev);
  const auto data = atproto::Cid::parse(row.prev_data);
  if (!rev || !data) {
    flaw = "its rev or its data is malformed";
    return std::nullopt;
  }
  const auto latest = static_cast<std::uint64_t>((now + kFutureTolerance).time_since_epoch().count());
  if (rev->micros() > latest) {
    flaw = "its rev lies in the future";
    return std::nullopt;
  }
  return repos::Head{*rev, *data, 0};
}

/// Reads the texts of an event, or of as much of it as there is.
class Members {
 public:
  explicit Members(std::string_view json) : scanner_(json), size_(json.size()) {}

  /// The next text or truth value, and in what it stands; false at the end.
  bool next() {
    for (;;) {
      const std::size_t depth = scanner_.depth();
      const Token token = scanner_.next();
      if (token == Token::end || token == Token::error) {
        is_whole_ = token == Token::end && scanner_.offset() == size_;
        return false;
      }
      if (token == Token::key) {
        key_ = unquote_json(scanner_.token());
        depth_ = depth;
      } else if (token == Token::string && depth == depth_) {
        text_ = unquote_json(scanner_.token());
        return true;
      } else if (token == Token::boolean && depth == depth_) {
        text_ = scanner_.token();
        return true;
      }
    }
  }
  [[nodiscard]] bool is(std::size_t depth, std::string_view key) const { return depth_ == depth && key_ == key; }
  [[nodiscard]] const std::string& text() const { return text_; }
  /// At the end: that of the JSON, and of what was to be read.
  [[nodiscard]] bool is_whole() const { return is_whole_; }

 private:
  JsonScanner scanner_;
  std::size_t size_;
  std::string key_, text_;
  std::size_t depth_ = 0;
  bool is_whole_ = false;
};

/// What follows the id; empty when it does not begin as the original writes it.
std::string_view body_of(std::string_view data) {
  constexpr std::string_view kBegin = "{\"id\":";
  if (!data.starts_with(kBegin)) return {};
  const std::size_t end = data.find_first_not_of("0123456789", kBegin.size());
  if (end == std::string_view::npos || end == kBegin.size() || data[end] != ',') return {};
  return data.substr(end);
}

}  // namespace

std::optional<Repo> map_repo(const RepoRow& row, WallTime now) {
  auto did = atproto::Did::parse(row.did);
  if (!did) return std::nullopt;
  Repo repo{.did = *std::move(did)};
  repo.head = head_of(row, now, repo.flaw);
  const auto state = state_of(row.state);
  if (!state) repo.flaw = "its state is unknown";
  const auto account = account_of(row.status);
  if (!account) repo.flaw = "its status is unknown";
  if (state == State::active && !repo.head && repo.flaw.empty()) repo.flaw = "it is active without a rev";
  repo.account = account.value_or(Account::active);
  if (atproto::is_handle(row.handle)) {
    repo.handle = row.handle;
    // The original keeps this one also after passing trouble of its host.
    repo.handle_due = row.handle == atproto::kInvalidHandle;
  }
  if (!repo.flaw.empty()) {
    repo.state = State::desynchronized;
    repo.error = "imported: " + std::string(repo.flaw);
    return repo;
  }
  repo.state = *state;
  if (repo.state == State::active) return repo;
  repo.error = utf8_prefix(row.error, kLongestError);
  repo.retries =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(row.retries, 0, std::numeric_limits<std::uint32_t>::max()));
  const auto latest = std::chrono::floor<std::chrono::seconds>(now + kLongestRetry).time_since_epoch().count();
  if (row.retry_after > 0 && row.retry_after < latest) repo.retry_after = row.retry_after;
  return repo;
}

std::optional<Record> map_record(const RecordRow& row) {
  if (!atproto::is_nsid(row.collection) || !atproto::is_rkey(row.rkey)) return std::nullopt;
  const auto cid = atproto::Cid::parse(row.cid);
  Record record{.change = {std::string(row.collection), std::string(row.rkey), cid.value_or(unknown_content())}};
  if (!cid) record.flaw = "its CID is malformed";
  return record;
}

const atproto::Cid& unknown_content() {
  static const auto kNothing = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, {});
  return kNothing;
}

bool is_news(const HeldCommit& commit) {
  Members members(commit.beginning);
  while (members.next()) {
    if (!members.is(1, "rev")) continue;
    const auto rev = atproto::Tid::parse(members.text());
    return !rev || !commit.head || *rev > *commit.head;
  }
  return true;
}

Event map_event(const EventRow& row) {
  Event event;
  if (row.id <= 0 || row.id >= kEventLimit) return {.flaw = "its id is out of range"};
  if (!atproto::is_did(row.did)) return {.flaw = "its DID is malformed"};
  const std::string_view body = body_of(row.data);
  Members members(row.data);
  std::string type;
  std::string status;
  std::optional<std::string> handle;
  bool is_active = false;
  while (members.next()) {
    if (members.is(1, "type")) type = members.text();
    if (members.is(2, "handle")) handle = members.text();
    if (members.is(2, "status")) status = members.text();
    if (members.is(2, "is_active")) is_active = members.text() == "true";
  }
  if (body.empty() || !members.is_whole() || !is_utf8(body)) return {.flaw = "it is cut off or garbled"};
  if (type != "record" && type != "identity") return {.flaw = "its type is unknown"};

  event.id = outbox::EventId{static_cast<std::uint64_t>(row.id)};
  if (type == "identity" && handle && handle->empty()) {  // no consumer takes it like that (8.4 item 52)
    event.draft =
        outbox::render(outbox::IdentityEvent{.did = row.did, .handle = {}, .status = status, .is_active = is_active});
    return event;
  }
  const bool is_barrier = row.live || type == "identity";
  event.draft = {outbox::lane_of(row.did), is_barrier ? outbox::Order::barrier : outbox::Order::historical,
                 std::string(body)};
  return event;
}

outbox::EventId first_free(const EventIds& ids) {
  const bool is_known = ids.given && *ids.given >= 0 && *ids.given < kEventLimit;
  const std::int64_t left = ids.left > 0 && ids.left < kEventLimit ? ids.left : 0;
  const std::int64_t last = is_known ? std::max(*ids.given, left) : left + kFarAbove;
  return outbox::EventId{static_cast<std::uint64_t>(last) + 1};
}

std::optional<RecordChange> record_of(const EventRow& row) {
  RecordChange change{{}, {}, unknown_content()};
  Members members(row.data);
  while (members.next()) {
    if (members.is(2, "collection")) change.collection = members.text();
    if (members.is(2, "rkey")) change.rkey = members.text();
  }
  if (!atproto::is_nsid(change.collection) || !atproto::is_rkey(change.rkey)) return std::nullopt;
  return change;
}

}  // namespace tap::store::original
